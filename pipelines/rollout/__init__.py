"""Rollouts as they are recorded: who asks for them, how far they are, and what is done next.

ML Metadata holds the truth. What servers need of it is projected to a folder, an order, and what
they saw comes back there, as reports (`serving.rollout.order`, `serving.rollout.report`).

    pushes       what was pushed, and which rollouts pushes ask for
    records      rollouts and actions in ML Metadata
    projection   which order follows from them: pure
    sightings    what is seen of the running rollout: pure, from reports
    conduct      one look: open, decide, record, project
    starting     rollouts that an operator asks for, and the way back
    standing     how things stand, for people

What is to be done next is decided in `serving.rollout.promotion`.
"""
