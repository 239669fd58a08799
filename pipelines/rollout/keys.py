"""Names of what rollouts add to ML Metadata.

Contexts of two types; their names are unique within a type, so nothing is done twice:

    ringway_rollout          PIPELINE/ROLLOUT_ID          a rollout that was opened
    ringway_rollout_action   PIPELINE/ROLLOUT_ID/0001     what was done first

The action with the highest number holds the state; without one the rollout has not begun.
Both have `pipelines.continuous.keys.PIPELINE`.
"""

ROLLOUT_TYPE = "ringway_rollout"
ACTION_TYPE = "ringway_rollout_action"

# On both.
ROLLOUT_ID = "ringway_rollout_id"

# On rollouts.
PLAN = "ringway_plan"  # JSON; what is too long goes on in …_1, …_2
OPENED = "ringway_opened"  # double, seconds since 1970 on the clock that all agree on
ORIGIN = "ringway_origin"  # in words: which push, or who
WISH = "ringway_wish"  # a value of serving.rollout.snapshot.Wish; the only thing that changes

# On actions. `STATE` holds the state after it, as JSON.
NUMBER = "ringway_number"  # int, from 1
ACTION = "ringway_action"  # one of the names below
BECAUSE = "ringway_because"
STEP = "ringway_step"  # int, from 0; -1 before the first
SHARE = "ringway_share"  # double
AT = "ringway_at"  # double, seconds since 1970 on the clock that all agree on
STATE = "ringway_rollout_state"
# As servers reported it, where they did.
FIRST_CANDIDATE = "ringway_first_candidate"  # double; when the candidate first answered
BROKEN = "ringway_broken"  # double; when a server's guard broke
WALL_SEC = "ringway_wall_sec_to_rollback"  # double; between the two, on the machine's own clock

# What an action can be.
RAISE, SWITCH, PROMOTE = "raise", "switch", "promote"
ROLL_BACK, CONCLUDE, SUPERSEDE = "rollback", "conclude", "supersede"
