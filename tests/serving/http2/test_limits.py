from serving.http2.limits import Allowance


def test_an_allowance_is_spent_and_comes_back_with_time():
    allowance = Allowance(burst=2, per_sec=10)
    assert [allowance.spend(0.0) for _ in range(3)] == [True, True, False]
    assert allowance.spend(0.25)  # -1 + 2.5 tokens
    assert not allowance.spend(0.25)
    assert [allowance.spend(100.0) for _ in range(3)] == [True, True, False]


def test_work_gives_tokens_back_up_to_the_burst():
    allowance = Allowance(burst=2, per_sec=0)
    allowance.refund(100)
    assert [allowance.spend(0.0) for _ in range(3)] == [True, True, False]
    allowance.refund(2)
    assert allowance.spend(0.0)
    assert not allowance.spend(0.0)
