//! Part 2 from outside: grants, privilege groups, backup, built-in roles, all as root.

mod backup;
mod builtin_roles;
mod client;
mod decided;
mod grants;
mod groups;
mod persistence;
mod protection;
mod rest;
mod vectors;
