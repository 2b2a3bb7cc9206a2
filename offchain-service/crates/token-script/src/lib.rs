//! Token scripts: untrusted XML in, typed attributes, selections and actions out. Pure: no file, no network, no clock.
//!
//! [`parse`] reads a script of any published namespace version into one model, [`TokenScript`], within [`Limits`]. What the
//! model needs from outside it asks for as values: an [`Evaluation`] names the [`Requests`] whose results it lacks, the caller
//! makes them and [supplies](Evaluation::supply) what came back, until it is [done](Step::Done).
//!
//! Nothing here panics on outside input, and a feature that is not served is kept as [`OriginKind::Unsupported`] with its line,
//! so that its attribute is described, but unavailable with a typed reason, and never silently wrong.
//!
//! ```
//! use smartlayer_token_script::{parse, Context, Limits, Step, Value};
//!
//! let script = parse(
//!     br#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" xmlns:ethereum="urn:ethereum:constantinople"
//!              name="Ticket">
//!           <ts:contract name="Ticket"><ts:address network="1">0x63cCEF733a093E5Bd773b41C96D3eCE361464942</ts:address></ts:contract>
//!           <ts:attribute name="seat"><ts:origins>
//!             <ethereum:call function="seat" contract="Ticket" as="uint"><ts:data><ts:uint256 ref="tokenId"/></ts:data></ethereum:call>
//!           </ts:origins></ts:attribute>
//!         </ts:token>"#,
//!     &Limits::default(),
//! )?;
//! let context = Context { token_id: 7u64.try_into().unwrap(), ..Context::default() };
//! let mut evaluation = script.evaluate(["seat"], &context);
//! let values = loop {
//!     match evaluation.step() {
//!         // A service sends these to an Ethereum node; here each returns the number 12.
//!         Step::Need(requests) => requests.calls.into_iter().for_each(|call| {
//!             let mut word = vec![0; 32];
//!             word[31] = 12;
//!             evaluation.supply(call, Ok(word));
//!         }),
//!         Step::Done(values) => break values,
//!     }
//! };
//! assert_eq!(values["seat"], Ok(Value::Uint(12u64.try_into().unwrap())));
//! # Ok::<(), smartlayer_token_script::ScriptError>(())
//! ```

mod abi;
mod access;
mod action;
mod entities;
mod entry;
mod error;
mod evaluate;
mod filter;
mod limits;
mod model;
mod number;
mod parse;
mod schema;
mod time;
mod value;
mod view;
mod xml;

pub use abi::{AbiEvent, AbiFunction, AbiType, DecodeError, EventField};
pub use access::{Access, MARKS};
pub use action::{ActionError, UnsignedTransaction};
pub use error::{Reason, ScriptError};
pub use evaluate::{
    Attested, AttributeError, CallError, Context, EthereumCall, Evaluation, Log, LogQuery, Requests, Step, StorageRead,
    Values,
};
pub use filter::{Comparison, Explanation, Filter, FilterError, FilterSyntaxError, Node, Part};
pub use limits::Limits;
pub use model::{
    Argument, As, AttestationDefinition, Attribute, Call, Card, CardType, Contract, DataField, DataObject, Entry,
    EventQuery, Exchanged, Include, Label, Labels, Mapping, Namespace, Origin, OriginKind, Problem, Selection, Source,
    StorageSlot, Syntax, TokenScript, Transaction, View, ViewKind,
};
pub use schema::{
    ActionDescription, AttributeDescription, ContractDescription, Description, Requirement, SelectionDescription,
};
pub use time::Time;
pub use value::{Decimal, NotConvertible, Value};
pub use view::{Bundle, ViewContent, ViewError};

/// Reads a token script. `bytes` is UTF-8 XML of any published namespace version, 2019/05 to 2024/01, signed or not.
///
/// # Errors
///
/// A [`ScriptError`] with its typed [`Reason`], and the line where there is one. What is well-formed but not served (an origin,
/// an ABI type, a placeholder instead of an address) is no error: it is listed in [`TokenScript::problems`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<TokenScript, ScriptError> {
    parse::script(bytes, limits)
}
