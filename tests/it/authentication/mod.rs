//! Who is calling and what comes of it: the header, the order of the guard's steps, what is open
//! without a login, and the settings that change this.

mod grid;
mod header;
mod open;
mod order;
mod switches;

pub(super) const MISSING: &str = "missing authorization in header";
pub(super) const FORMAT: &str = "invalid token format";
pub(super) const API_KEY: &str = "auth check failure, please check api key is correct";
pub(super) const WRONG: &str = "auth check failure, please check username and password are correct";
