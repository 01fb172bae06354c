"""Limit how often one client address and one account may ask, each by a bucket in Redis that refills steadily.

The buckets are kept as the generic cell rate algorithm has them: one number, the moment at which the bucket is full again.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Literal

from system.api.optional_redis import OptionalRedis
from system.common.client import Networks, within
from system.common.problem import Problem

__all__ = ["Limit", "RateLimits", "parse_limit"]

LONGEST_REFILL_S = 60
# By the server's clock, which all instances share. Whatever is written has a time to live.
_TAKE = """
local interval_us, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local full_us = math.max(tonumber(redis.call('GET', KEYS[1]) or now_us), now_us) + interval_us
local wait_us = full_us - now_us - interval_us * burst
if wait_us > 0 then
    return wait_us
end
redis.call('SET', KEYS[1], string.format('%.0f', full_us), 'PX', math.ceil((full_us - now_us) / 1000))
return 0
"""


@dataclass(frozen=True)
class Limit:
    """Allow `burst` requests at once, and `per_s` a second in the long run."""

    per_s: int
    burst: int


def parse_limit(text: str) -> Limit:
    """Read "10/s, 40 at once"; raises ValueError."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})/s, ([1-9][0-9]{0,5}) at once", text)
    if not found:
        raise ValueError(f'expected a limit like "10/s, 40 at once", got {text!r}')
    limit = Limit(int(found[1]), int(found[2]))
    if limit.burst > LONGEST_REFILL_S * limit.per_s:
        raise ValueError(f"a bucket of {limit.burst} takes more than a minute to fill at {limit.per_s}/s")
    return limit


class RateLimits:
    """Refuse requests beyond the limits with 429.

    Without Redis nobody is limited: it would turn the loss of a cache into the loss of the service, while all that the
    limits protect has bounds of its own (pools, queues, time limits). One that answers slowly still limits, and by its own pace: at
    0.4 s an answer an instance asks it 80 questions a second, two a request, and refuses with 503 whoever waits longer than one.

    Args:
        redis: keeps the buckets.
        client: the limit of an address.
        account: the limit of an account, whatever addresses it asks from.
        unlimited: networks whose requests are not counted, such as those that load is made from.
    """

    def __init__(self, redis: OptionalRedis, *, client: Limit, account: Limit, unlimited: Networks) -> None:
        self._redis, self._unlimited = redis, unlimited
        self._limits = {"client": client, "account": account}

    async def take(self, kind: Literal["client", "account"], who: str, address: str) -> None:
        """Count one request of `who`, made from that address; raises Problem 429 when there were too many."""
        if within(address, self._unlimited):
            return
        limit = self._limits[kind]
        digest = hashlib.sha256(who.encode()).hexdigest()[:32]
        key = f"rate:{kind}:{digest}"
        rate = str(1_000_000 // limit.per_s), str(limit.burst)
        wait_us = await self._redis.ask(lambda redis: redis.eval(_TAKE, 1, key, *rate))
        if wait_us:
            headers = {"Retry-After": str(math.ceil(wait_us / 1_000_000))}
            raise Problem(429, f"Too many requests of this {kind}; wait, then try again.", headers=headers)
