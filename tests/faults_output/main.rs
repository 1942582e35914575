//! Output under fault: streams that are closed, full, gone or not read, floods, and bytes that a
//! terminal or a CI would obey. Tasks, record and exit code are as if nothing had happened.

#[path = "../support/mod.rs"]
mod support;

mod floods;
mod hostile;
mod started;
mod streams;
mod terminals;
