"""Random interleavings of launches, callbacks, replays, expiries and posts, over the whole app and two EHRs."""
