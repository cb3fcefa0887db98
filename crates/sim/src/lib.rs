//! Cells of an experiment: their settings, their simulation and the time that the model expects.
//!
//! - [`axis`]: the table of everything that can be set or swept. [`Axes`] holds the values of a sweep, [`cells`] forms
//!   their combinations.
//! - [`Cell`]: one combination of values.
//! - [`simulation`]: Go-Back-N over simulated links in virtual time. The same cell and seed give the same result everywhere.
//! - [`model`]: the expected completion time in closed form.
//! - [`Measurement`]: what a run measured, with any runner.
//!
//! Nothing here reads a clock, opens a file or starts a thread, so all of it also runs in a browser.

mod axes;
pub mod axis;
mod cell;
mod loss;
mod measurement;
pub mod model;
pub mod simulation;
mod suggest;
pub mod wire;

pub use axes::{Axes, cells};
pub use axis::{Axis, AxisError};
pub use backroom_vocabulary::{Cast, Delivery};
pub use cell::{Cell, egress_seed, ingress_seed};
pub use loss::{Burst, LossSide};
pub use measurement::{DelayQuantiles, Measurement, NetworkMeasurement, ms};
pub use suggest::nearest;
