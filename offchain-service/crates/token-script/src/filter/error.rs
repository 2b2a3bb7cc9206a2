//! What can be wrong with a filter, as written or for the values it is given.

use crate::AttributeError;

/// What is wrong with a filter as written. Positions are bytes, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterSyntaxError {
    /// There is nothing, or nothing between parentheses.
    #[error("a condition is missing at {at}")]
    Missing {
        /// Where.
        at: usize,
    },
    /// Something else should stand here.
    #[error("expected {expected} at {at}")]
    Expected {
        /// What should.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// Not the name of an attribute.
    #[error("{name:?} at {at} is not an attribute's name")]
    AttributeName {
        /// What stands there.
        name: String,
        /// Where.
        at: usize,
    },
    /// A backslash must be followed by two hexadecimal digits, and the bytes written so must be UTF-8.
    #[error("invalid escape at {at}; write a backslash and two hexadecimal digits, for example \\29")]
    InvalidEscape {
        /// Where.
        at: usize,
    },
    /// An operator or a wildcard that is not served.
    #[error("{what} at {at} is not supported; {remedy}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What to write instead.
        remedy: &'static str,
        /// Where.
        at: usize,
    },
    /// Parts nest deeper than allowed.
    #[error("parts nest deeper than {limit}")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// There are more parts than allowed.
    #[error("more than {limit} parts")]
    TooManyParts {
        /// The bound.
        limit: usize,
    },
}

impl FilterSyntaxError {
    /// The byte it is about, counted from 0; none if it is about the whole.
    pub fn at(&self) -> Option<usize> {
        match self {
            FilterSyntaxError::Missing { at }
            | FilterSyntaxError::Expected { at, .. }
            | FilterSyntaxError::AttributeName { at, .. }
            | FilterSyntaxError::InvalidEscape { at }
            | FilterSyntaxError::Unsupported { at, .. } => Some(*at),
            FilterSyntaxError::TooDeep { .. } | FilterSyntaxError::TooManyParts { .. } => None,
        }
    }
}

/// Why a filter has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There is no such selection.
    #[error("there is no selection {0}")]
    UnknownSelection(String),
    /// It can't be read.
    #[error("the filter can't be read: {0}")]
    Syntax(#[from] FilterSyntaxError),
    /// It names an attribute that doesn't exist.
    #[error("there is no attribute {0}")]
    UnknownAttribute(String),
    /// One of its attributes has no value.
    #[error("attribute {name} has no value: {error}")]
    Attribute {
        /// The attribute's name.
        name: String,
        /// Why it has none.
        error: AttributeError,
    },
    /// The two sides are of kinds that can't be compared.
    #[error("attribute {attribute} is of kind {kind}, which does not compare to {value:?}")]
    NotComparable {
        /// The attribute's name.
        attribute: String,
        /// The kind of its value.
        kind: &'static str,
        /// The other side, shortened.
        value: String,
    },
    /// Its kind has no order.
    #[error("attribute {attribute} is of kind {kind}, which has no order; compare with =")]
    NotOrdered {
        /// The attribute's name.
        attribute: String,
        /// The kind of its value.
        kind: &'static str,
    },
}

impl FilterError {
    /// The same without what it quotes of values.
    pub(crate) fn unquoted(self) -> Self {
        match self {
            FilterError::NotComparable { attribute, kind, .. } => {
                FilterError::NotComparable { attribute, kind, value: "…".into() }
            }
            FilterError::Attribute { name, error } => FilterError::Attribute { name, error: error.unquoted() },
            error => error,
        }
    }

    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            FilterError::UnknownSelection(_) => "unknown-selection",
            FilterError::Syntax(FilterSyntaxError::InvalidEscape { .. }) => "invalid-escape",
            FilterError::Syntax(_) => "invalid-filter",
            FilterError::UnknownAttribute(_) => "unknown-attribute",
            FilterError::Attribute { .. } => "attribute-unavailable",
            FilterError::NotComparable { .. } => "not-comparable",
            FilterError::NotOrdered { .. } => "not-ordered",
        }
    }
}
