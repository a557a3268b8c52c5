//! What both APIs share: the one table of errors, and which RPC each REST path stands for.

mod code;
mod denial;
mod paths;
mod undecodable;

pub use code::{
    AnswerTooLarge, Operation, Refusal, Transport, credential_transport, denial_transport, refusal,
};
pub use denial::{denial_text, rest_denial};
pub use paths::{Endpoint, RestPath, find_rest_path, rest_paths};
pub use undecodable::undecodable;
