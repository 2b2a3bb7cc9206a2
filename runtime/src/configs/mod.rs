//! How each pallet is set up, one file a subject.

pub mod consensus;
pub mod dao;
pub mod fees;
pub mod governance;
pub mod organisations;
pub mod services;
pub mod snapshots;
pub mod system;
pub mod transactions;
pub mod validators;
