//! All that the macro's output may name. Not public API: it changes with every release.

pub use crate::Result;
pub use crate::app::{Entry, Merge, Wiring, id_of};
pub use crate::checkpoint::{Binds, after, before};
pub use crate::codec::{AtWork, Opened, Opening, Wait}; // not named by it, but by the signature of `Codec`
pub use crate::flow::{Feed, Flow, Lent, Merged};
pub use crate::handler::{As, Asks, Rest, by_record, keyed, mixed, moment, recorded, returned, sendable};
pub use crate::lane::{Copier, Lane, Message, Sent, Work, kept};
pub use crate::pipe::{out, pipe_fn, through};
pub use crate::run::{main, main_with_words};
pub use crate::sink::{Declared, Offer, closure, copies, resend, send, sent_by};
pub use crate::source::{of_partitions, private, shared};
pub use crate::step::{Interrupt, Step};
pub use inventory;
pub use std::boxed::Box;
pub use std::option::Option::{None, Some};
pub use std::pin::pin;
pub use std::result::Result::{Err, Ok};

/// The traits by whose levels the macro's output asks what something is; by no name that could hide one of the user's.
pub mod levels {
    pub use crate::handler::{AsksNothing as _, ByIterator as _, ByStream as _, ByValue as _, Checked as _};
    pub use crate::lane::{Copies as _, Look as _};
    pub use crate::pipe::{StagedForeign as _, StagedNothing as _};
    pub use crate::sink::{
        DeclaredAsIs as _, NotDeclared as _, OfferFn as _, OfferOther as _, OfferTwo as _, Outputs as _,
        ShownByDebug as _, ShownByNeither as _,
    };
    pub use crate::source::{Copied as _, Untry as _};
}
