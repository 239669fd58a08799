"""Names of what the loop adds to ML Metadata.

Contexts of three types, beside the properties of runs. Their names are unique within a type, which
is what lets one of two watchers win:

    ringway_decision   PIPELINE/000012            the twelfth decision to run
    ringway_request    PIPELINE/ID                somebody asks for a run
    ringway_alert      PIPELINE/ID                an alert
    ringway_delivery   PIPELINE/ID/CHANNEL/3      the third attempt to deliver it by a channel
    ringway_verdict    PIPELINE/KIND/WINDOW       what was judged of a window of requests
    ringway_attempt    PIPELINE/KIND/WINDOW/2     the second time that this could not be done
"""

from pipelines.lineage import keys as lineage_keys

DECISION_TYPE = "ringway_decision"
REQUEST_TYPE = "ringway_request"
ALERT_TYPE = "ringway_alert"
DELIVERY_TYPE = "ringway_delivery"
VERDICT_TYPE = "ringway_verdict"
ATTEMPT_TYPE = "ringway_attempt"

# On all of them.
PIPELINE = "ringway_pipeline"

# On decisions; the first three on the runs that they ask for, too.
DECISION_ID = "ringway_decision"
BECAUSE = lineage_keys.RUN_BECAUSE  # in words
EVIDENCE = "ringway_evidence"  # JSON list of texts; what is too long goes on in …_1, …_2
TRIGGER = lineage_keys.RUN_TRIGGER
DECIDED = "ringway_decided"  # double, seconds since the epoch
OWNER = "ringway_owner"  # which watcher carries it out
ANSWER = "ringway_answer"  # how it was carried out without a run, in words
TOKEN = "ringway_token"  # tells one writer's attempt to create a context from another's

# On requests.
ASKED = "ringway_asked"  # double, seconds since the epoch
BY = "ringway_by"
REASON = "ringway_reason"

# On alerts.
KIND = "ringway_kind"
SUBJECT = "ringway_subject"
TEXT = "ringway_text"
RAISED = "ringway_raised"  # double, seconds since the epoch

# On verdicts, beside KIND, STATE (as the validator says), TEXT (the cause) and ENDED (the window).
WINDOW = "ringway_window"
VERSION = "ringway_model_version"
METRIC = "ringway_metric"
LOW = "ringway_low"  # double, of the metric's interval
HIGH = "ringway_high"  # double, likewise
BOUND = "ringway_bound"  # double, what the metric had to reach
REPORT = "ringway_report"  # where people find more

# On deliveries.
ALERT_ID = "ringway_alert_id"
CHANNEL = "ringway_channel"
ATTEMPT = "ringway_attempt"  # int, from 1
STATE = "ringway_state"  # a value of attempts.DeliveryState
ERROR = "ringway_error"
BEGAN = "ringway_began"  # double, seconds since the epoch
ENDED = "ringway_ended"  # double, seconds since the epoch; absent while under way
