"""Names of the component's parameters, and of what it adds to a PushedModel in ML Metadata."""

# Parameters of the node, beside those of stock Pusher.
ROLLOUT = "rollout"  # JSON, read by `strategies`
MODEL_NAME = "model_name"
ROLLOUT_ROOT = "rollout_root"

# Custom properties of PushedModel; the first two of these are stock Pusher's.
PUSHED = "pushed"  # int
PUSHED_VERSION = "pushed_version"
MODEL = "ringway_model"  # the name it is served under
STRATEGY = "ringway_rollout_strategy"  # what became of it: "direct" where nothing is asked for
BECAUSE = "ringway_rollout_because"  # why so, in words
PLAN = "ringway_rollout"  # JSON of the plan that is asked for; goes on in …_1, …_2
PUSHED_AT = "ringway_pushed_at"  # double, seconds since 1970 on the clock that all agree on

# ML Metadata indexes its texts, and PostgreSQL refuses an index entry of more than 2,704 bytes.
MAX_TEXT_BYTES = 2_000
