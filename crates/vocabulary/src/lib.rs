//! The vocabulary that the programs share: types with one JSON form, without IO.
//!
//! - [`Cast`] and [`Delivery`]: who receives a file, and how.
//! - [`event`]: what a client reports with `--output json`, and [`account`]: its account of a transfer.
//! - [`trace`]: what a client writes with `--trace`, and the lab into `trace.jsonl`.
//! - [`schema`]: the JSON Schema of any of them, as `docs/schema` keeps it.
//!
//! Every type here is both written and read with serde, so a program that reads another's output needs no types of its
//! own. Go-Back-N's own values (windows, ACKs) are those of `backroom_gbn`.

pub mod account;
mod cast;
mod delivery;
pub mod event;
mod name;
mod number;
mod schema;
mod setting;
pub mod trace;

pub use self::cast::Cast;
pub use self::delivery::{Delivery, DeliveryPath, DeliverySetting, ObservedDelivery};
pub use self::name::ParseNameError;
pub use self::number::format_number;
pub use self::schema::schema;
