import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.rate_limit import BURST, LONGEST_PAUSE, RateLimiter


class VirtualTime:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    async def sleep(self, pause: float) -> None:
        """Lets time pass."""
        self.seconds += pause


class Bucket:
    """A bucket of 20 calls that leaks 25 a second, as Coupa describes its own; says whether a call fits."""

    def __init__(self) -> None:
        self.level = 0.0
        self.last = 0.0

    def admits(self, now: float) -> bool:
        """Whether a call fits at a time; times must not decrease."""
        self.level = max(0.0, self.level - 25 * (now - self.last))
        self.last = now
        self.level += 1
        return self.level <= 20 + 1e-9


async def sent(limiter: RateLimiter, time: VirtualTime, count: int) -> list[float]:
    """The times at which so many requests were let go."""
    times = []
    for _ in range(count):
        await limiter.wait()
        times.append(time.seconds)
    return times


async def test_the_rate_is_kept_over_all_resources() -> None:
    """Twenty a second means fifty milliseconds between any two requests; zero means no limit."""
    time = VirtualTime()
    times = await sent(RateLimiter(20, time.now, time.sleep), time, 21)
    assert times[-1] - times[0] == pytest.approx(1.0)

    times = await sent(RateLimiter(0, time.now, time.sleep), time, 100)
    assert times[-1] == times[0]


@given(st.lists(st.floats(0, 0.35), min_size=200, max_size=200), st.lists(st.floats(0, 3), max_size=5))
async def test_coupas_bucket_never_refuses_what_the_limiter_lets_go(delays: list[float], breaks: list[float]) -> None:
    """At the full 25 a second, in bursts, after pauses, and bunched up by a third of a second on the way."""
    time = VirtualTime()
    limiter = RateLimiter(25, time.now, time.sleep, burst=BURST)
    times: list[float] = []
    for pause in [0.0, *breaks]:
        await time.sleep(pause)
        times += await sent(limiter, time, 200 // (len(breaks) + 1))
    bucket = Bucket()

    arrivals = sorted(moment + delay for moment, delay in zip(times, delays, strict=False))
    assert all(bucket.admits(arrival) for arrival in arrivals)


async def test_all_of_the_allowed_rate_is_used() -> None:
    """A thousand requests take no longer than the limit demands."""
    time = VirtualTime()
    times = await sent(RateLimiter(25, time.now, time.sleep, burst=BURST), time, 1_000)

    assert (times[-1] - times[0]) * 25 == pytest.approx(1_000 - BURST)


async def test_a_refusal_stops_everybody_for_as_long_as_asked_and_cuts_the_rate() -> None:
    """Requests that were refused together count once; within fifteen seconds the rate has grown back."""
    time = VirtualTime()
    limiter = RateLimiter(25, time.now, time.sleep, burst=BURST)
    await sent(limiter, time, 40)
    before = time.seconds
    for _ in range(10):
        limiter.refused(7.0)

    times = await sent(limiter, time, 2)

    assert times[0] == pytest.approx(before + 7)
    assert limiter.rate == pytest.approx(25 * 0.75 + 25 * 7 / 60, rel=0.02)
    await time.sleep(20)
    assert limiter.rate == 25


@pytest.mark.parametrize(("asked", "waited"), [(None, 1.0), (0.0, 0.0), (30.0, 30.0), (86_400.0, LONGEST_PAUSE)])
async def test_a_refusal_without_a_time_waits_a_second_and_none_waits_for_ever(
    asked: float | None, waited: float
) -> None:
    """A Retry-After of a day is not waited for in one go."""
    time = VirtualTime()
    limiter = RateLimiter(25, time.now, time.sleep)
    await sent(limiter, time, 1)
    before = time.seconds
    limiter.refused(asked)

    (after,) = await sent(limiter, time, 1)
    assert after - before >= waited
    assert after - before <= waited + 0.1
