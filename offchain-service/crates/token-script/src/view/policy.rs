//! The content security policy of a view: its own scripts and styles by their hashes, and nothing else.

use base64::{engine::general_purpose::STANDARD, Engine};
use sha2::{Digest, Sha256};

use crate::ViewError;

/// How many scripts, and how many styles, a policy lists: with 53 bytes each the header stays below the 8 KiB that servers
/// and proxies commonly take.
const MOST: usize = 64;

/// The scripts and styles of a document, as it is written.
#[derive(Debug, Default)]
pub(super) struct Policy {
    scripts: Vec<String>,
    styles: Vec<String>,
}

impl Policy {
    pub(super) fn script(&mut self, text: &str) -> Result<(), ViewError> {
        add(&mut self.scripts, text)
    }

    pub(super) fn style(&mut self, text: &str) -> Result<(), ViewError> {
        add(&mut self.styles, text)
    }

    /// The header's value.
    pub(super) fn header(&self) -> String {
        let sources = |hashes: &[String]| match hashes {
            [] => "'none'".to_string(),
            hashes => hashes.join(" "),
        };
        format!(
            "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'none'; form-action 'none'; \
             base-uri 'none'; sandbox allow-scripts",
            sources(&self.scripts),
            sources(&self.styles)
        )
    }
}

/// An empty text is neither run nor heeded.
fn add(hashes: &mut Vec<String>, text: &str) -> Result<(), ViewError> {
    let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    if text.is_empty() || hashes.contains(&hash) {
        return Ok(());
    }
    if hashes.len() >= MOST {
        return Err(ViewError::TooManyScripts(MOST));
    }
    hashes.push(hash);
    Ok(())
}
