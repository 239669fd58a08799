"""What is done next, as a table; the rules are TensorFlow Serving's, read from its tests."""

from __future__ import annotations

import pytest

from serving.server.models.policy import Load, Phase, Unload, VersionSnapshot, next_action

PHASES = {phase.value: phase for phase in Phase}


def versions(text: str) -> list[VersionSnapshot]:
    """Reads `1 ready, +2 new`: a plus marks an aspired version."""
    found = []
    for part in filter(None, text.split(", ")):
        number, phase = part.split()
        found.append(
            VersionSnapshot(int(number.removeprefix("+")), PHASES[phase], number.startswith("+"))
        )
    return found


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("", None),
        ("+1 new", Load(1)),
        ("+1 loading", None),
        ("+1 ready", None),
        ("+1 failed", None),
        # The highest version is loaded first.
        ("+1 new, +3 new, +2 new", Load(3)),
        ("+1 new, +3 loading, +2 new", Load(2)),
        # The old version serves until the new one does, and also when the new one fails.
        ("1 ready, +2 new", Load(2)),
        ("1 ready, +2 loading", None),
        ("1 ready, +2 failed", None),
        ("1 ready, +2 ready", Unload(1)),
        ("1 unloading, +2 ready", None),
        # The lowest version goes first.
        ("1 ready, 2 ready, +3 ready", Unload(1)),
        ("2 ready, 1 ready, +3 ready", Unload(1)),
        # One old version is enough to answer while the new one loads.
        ("1 ready, 2 ready, +3 loading", Unload(1)),
        ("1 ready, 2 ready, +3 new", Unload(1)),
        ("2 ready, +3 new", Load(3)),
        # Nothing is wanted any more.
        ("1 ready", Unload(1)),
        ("1 ready, 2 ready", Unload(1)),
        ("1 unloading, 2 ready", Unload(2)),
        ("1 unloading", None),
        ("1 loading", None),
        ("1 new", None),
        # A version that is wanted again, though a higher one serves.
        ("+1 new, 2 ready", Load(1)),
        ("+1 ready, 2 ready", Unload(2)),
        # Unloading goes before loading.
        ("1 ready, +2 ready, +3 new", Unload(1)),
    ],
)
def test_the_next_action(now, then):
    assert next_action(versions(now)) == then


def test_following_the_policy_never_leaves_a_model_without_a_ready_version():
    """From each mix of three versions, one wanted and loadable, a ready one stays throughout."""
    for old in ("ready", "loading", "new"):
        for middle in ("ready", "failed", "unloading"):
            state = {v.version: v for v in versions(f"1 ready, 2 {old}, 3 {middle}, +4 new")}
            while action := next_action(list(state.values())):
                if isinstance(action, Load):
                    state[4] = VersionSnapshot(4, Phase.READY, True)
                else:
                    del state[action.version]
                assert any(v.phase is Phase.READY for v in state.values())
            assert [v for v, one in state.items() if one.phase is Phase.READY] == [4]
