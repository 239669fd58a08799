"""A server's part in a rollout: who answers each request, what is counted, when it goes back.

`follower` reads orders and writes reports, `conduct` decides, `plane` deals requests, and
`background` asks what nobody waits for. The rules are those of `serving.rollout`.
"""
