//! Why a script was refused.

use std::fmt;

/// A refused script: why, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Why it was refused.
    pub reason: Reason,
    /// The line it is about, counted from 1; none if it is about the whole.
    pub line: Option<u32>,
}

impl ScriptError {
    pub(crate) fn new(reason: Reason, line: impl Into<Option<u32>>) -> Self {
        ScriptError { reason, line: line.into() }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

impl std::error::Error for ScriptError {}

/// Why a script was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The script has more bytes than allowed.
    #[error("the script is larger than {limit} bytes")]
    TooLarge {
        /// The bound that was passed.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the script is not UTF-8")]
    NotUtf8,
    /// The XML declaration names an encoding other than UTF-8.
    #[error("the declared encoding {0} is not supported; save the script as UTF-8")]
    UnsupportedEncoding(String),
    /// The XML is not well-formed.
    #[error("not well-formed: {0}")]
    Malformed(String),
    /// The document type declaration is put together by parameter entities.
    #[error("parameter entities are not supported; write the content into the script")]
    Doctype,
    /// The script uses an entity that is outside of it, which is never fetched.
    #[error("external entities are never fetched; write the content into the script")]
    ExternalEntity,
    /// Elements nest deeper than allowed.
    #[error("elements nest deeper than {limit} levels")]
    TooDeep {
        /// The bound that was passed.
        limit: usize,
    },
    /// There are more elements, comments and processing instructions than allowed.
    #[error("more than {limit} elements")]
    TooManyNodes {
        /// The bound that was passed.
        limit: usize,
    },
    /// An element has more XML attributes than allowed.
    #[error("more than {limit} XML attributes on one element")]
    TooManyXmlAttributes {
        /// The bound that was passed.
        limit: usize,
    },
    /// There are more namespace declarations than allowed.
    #[error("more than {limit} namespace declarations")]
    TooManyNamespaces {
        /// The bound that was passed.
        limit: usize,
    },
    /// The document element is not a token script's.
    #[error("the document element is not ts:token, ts:action or ts:card")]
    NotATokenScript,
    /// A token script, of a namespace version that is not known.
    #[error("unknown token script namespace {0}")]
    UnknownNamespace(String),
    /// Something that must have a name has none.
    #[error("ts:{element} has no name")]
    MissingName {
        /// The element's local name.
        element: &'static str,
    },
    /// Two things of a kind have the same name.
    #[error("there are two {kind} named {name}")]
    Duplicate {
        /// What they are.
        kind: &'static str,
        /// Their name.
        name: String,
    },
    /// A mark says who may see something, in a word that is not known.
    #[error("sl:access={0:?} is not known; it is owner or public")]
    UnknownAccess(String),
    /// A mark where none is heeded, or one that is not known.
    #[error("a mark {0} that is not heeded here; sl:access goes on ts:attribute, ts:selection, ts:card or ts:action")]
    UnknownMark(String),
    /// There are more things of a kind than allowed.
    #[error("more than {limit} {kind}")]
    TooMany {
        /// What they are.
        kind: &'static str,
        /// The bound that was passed.
        limit: usize,
    },
}

impl Reason {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::TooLarge { .. } => "too-large",
            Reason::NotUtf8 => "not-utf8",
            Reason::UnsupportedEncoding(_) => "unsupported-encoding",
            Reason::Malformed(_) => "malformed",
            Reason::Doctype => "doctype",
            Reason::ExternalEntity => "external-entity",
            Reason::TooDeep { .. } => "too-deep",
            Reason::TooManyNodes { .. } => "too-many-nodes",
            Reason::TooManyXmlAttributes { .. } => "too-many-xml-attributes",
            Reason::TooManyNamespaces { .. } => "too-many-namespaces",
            Reason::NotATokenScript => "not-a-token-script",
            Reason::UnknownNamespace(_) => "unknown-namespace",
            Reason::MissingName { .. } => "missing-name",
            Reason::Duplicate { .. } => "duplicate",
            Reason::UnknownAccess(_) => "unknown-access",
            Reason::UnknownMark(_) => "unknown-mark",
            Reason::TooMany { .. } => "too-many",
        }
    }
}
