//! Schedules against a second reading of what they mean.
//!
//! `crontab` reads expressions as the manual describes them and looks at one
//! minute at a time; it knows nothing of the code it checks. `calendar` puts
//! random expressions before both. `clocks` looks at the clocks of zones around
//! their changes, minute by minute, and works out from the documented policies
//! which ticks there should be. `plans` does the same for what becomes of missed
//! ticks, `windows` for clocks which jump. `dates`, `outages` and `load` are
//! cases by hand.
//!
//! `HEARKEN_MINUTES` says how many minutes are looked at, ten million without
//! it. Billions are for release builds:
//!
//! ```text
//! HEARKEN_MINUTES=2000000000 cargo test --release --test schedules
//! ```

mod calendar;
mod changes;
mod clocks;
mod crontab;
mod dates;
mod expressions;
mod load;
mod outages;
mod plans;
mod support;
mod windows;
