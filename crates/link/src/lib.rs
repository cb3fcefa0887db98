//! One direction of a network link, sans-IO and seeded: rate, delay, jitter, queue and loss.
