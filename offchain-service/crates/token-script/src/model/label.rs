//! Texts in their languages.

use serde::{Serialize, Serializer};

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The BCP 47 tag in `xml:lang`, empty if there was none.
    pub language: String,
    /// For how many the text is (`one`, `other`…), if the script distinguishes.
    pub quantity: Option<String>,
    /// The text, with runs of white space collapsed.
    pub text: String,
}

/// A text in the languages that the script has it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<Label>);

impl Labels {
    /// The text for one thing in the language that suits a caller who asked for `language` best: the same tag, else the same
    /// primary language, else English, else the first.
    pub fn text(&self, language: &str) -> Option<&str> {
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let wanted = primary(language);
        let rank = |label: &Label| {
            let language = match label.language.as_str() {
                tag if tag.eq_ignore_ascii_case(language) => 0,
                tag if primary(tag) == wanted => 1,
                tag if primary(tag) == "en" => 2,
                _ => 3,
            };
            (language, !matches!(label.quantity.as_deref(), None | Some("one")))
        };
        self.0.iter().min_by_key(|label| rank(label)).map(|label| label.text.as_str())
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As an object from language to text.
impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let languages: std::collections::BTreeSet<&str> = self.0.iter().map(|l| l.language.as_str()).collect();
        serializer.collect_map(languages.into_iter().map(|language| (language, self.text(language))))
    }
}
