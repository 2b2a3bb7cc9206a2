//! The text of a schema, as types.

use smartlayer_token_script::AbiType;

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 4 << 10;
/// How many fields there may be in all.
const MAX_FIELDS: usize = 128;
/// How deep records and lists may nest.
const MAX_DEPTH: usize = 6;
/// The longest list of a fixed length.
const MAX_LENGTH: usize = 1024;

type Fields = Vec<(String, AbiType)>;

/// The fields that a schema's text lists, or why it doesn't.
pub(crate) fn parse(text: &str) -> Result<Fields, &'static str> {
    if text.len() > MAX_TEXT {
        return Err("it is longer than 4096 bytes");
    }
    let mut parser = Parser { rest: text.trim(), fields: MAX_FIELDS };
    if parser.rest.is_empty() {
        return Ok(Vec::new());
    }
    let fields = parser.fields(0)?;
    match parser.rest.is_empty() {
        true => Ok(fields),
        false => Err("it goes on after its last field"),
    }
}

struct Parser<'a> {
    rest: &'a str,
    /// How many more there may be.
    fields: usize,
}

impl<'a> Parser<'a> {
    /// Takes `token` if it is next, and the white space behind it.
    fn eat(&mut self, token: char) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    /// Takes a name or the like, empty if there is none, and the white space behind it.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'));
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or(("", self.rest));
        self.rest = rest.trim_start();
        word
    }

    /// The recursion is bounded by `depth`.
    fn fields(&mut self, depth: usize) -> Result<Fields, &'static str> {
        let mut fields = Fields::new();
        loop {
            self.fields = self.fields.checked_sub(1).ok_or("it has more than 128 fields")?;
            let ty = self.ty(depth)?;
            let name = self.word();
            if name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err("a name starts with a digit");
            }
            if !name.is_empty() && fields.iter().any(|(other, _)| other == name) {
                return Err("two of its fields have the same name");
            }
            fields.push((
                match name {
                    "" => fields.len().to_string(),
                    name => name.into(),
                },
                ty,
            ));
            if !self.eat(',') {
                return Ok(fields);
            }
        }
    }

    fn ty(&mut self, depth: usize) -> Result<AbiType, &'static str> {
        const TOO_DEEP: &str = "its types nest deeper than 6 levels";
        let mut depth = depth;
        let mut ty = match self.word() {
            "" | "tuple" if self.eat('(') => {
                depth = depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH).ok_or(TOO_DEEP)?;
                let fields = self.fields(depth)?;
                if !self.eat(')') {
                    return Err("a bracket is not closed");
                }
                AbiType::Tuple(fields)
            }
            // What the SDK takes it for.
            "ipfsHash" => AbiType::FixedBytes(32),
            name => AbiType::elementary(name).ok_or("a type is not one of Solidity's")?,
        };
        while self.eat('[') {
            depth = depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH).ok_or(TOO_DEEP)?;
            ty = match self.word() {
                "" => AbiType::Array(Box::new(ty)),
                length => {
                    let length = length.parse().ok().filter(|length| (1..=MAX_LENGTH).contains(length));
                    AbiType::FixedArray(Box::new(ty), length.ok_or("a list's length is not 1 to 1024")?)
                }
            };
            if !self.eat(']') {
                return Err("a bracket is not closed");
            }
        }
        Ok(ty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn types(text: &str) -> Vec<String> {
        let fields = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        fields.iter().map(|(name, ty)| format!("{} {name}", ty.name())).collect()
    }

    #[test]
    fn schemas_are_lists_of_types_and_names() {
        for (text, expected) in [
            ("", &[][..]),
            (" bool like ", &["bool like"]),
            (
                "string eventId,uint8 ticketClass,bytes commitment",
                &["string eventId", "uint8 ticketClass", "bytes commitment"],
            ),
            ("uint256 eventId, uint8\n voteIndex", &["uint256 eventId", "uint8 voteIndex"]),
            ("(uint256 a, string b)[] items", &["(uint256,string)[] items"]),
            ("tuple(uint a,(bytes32 c)[2] d) t, uint tuple", &["(uint256,(bytes32)[2]) t", "uint256 tuple"]),
            ("ipfsHash doc,ipfsHash[] docs", &["bytes32 doc", "bytes32[] docs"]),
            ("address,bool[][3] , int $x_1", &["address 0", "bool[][3] 1", "int256 $x_1"]),
        ] {
            assert_eq!(types(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_fields_is_refused() {
        for text in [
            ",",
            "bool a,",
            "bool a b",
            "bool a)",
            "(bool a",
            "(bool a]",
            "()",
            "bool[ a",
            "bool[0] a",
            "bool[1025] a",
            "bool[-1] a",
            "uint7 a",
            "bytes0 a",
            "uint0 a",
            "tuple a",
            "fixed a",
            "bool a, bool a",
            "bool 1a",
            "bool ä",
            "bool a) returns (bool b",
            "boolean a",
            "address payable a",
            "(bool a,bool a) b",
            "bool[][][][][][][] a",
            "((((((((bool))))))))",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(MAX_TEXT)).is_err());
        assert!(parse(&format!("bool {}", "a".repeat(MAX_TEXT))).is_err());
        let fields = |n: usize| (0..n).map(|i| format!("bool a{i}")).collect::<Vec<_>>().join(",");
        assert_eq!(parse(&fields(MAX_FIELDS)).unwrap().len(), MAX_FIELDS);
        assert!(parse(&fields(MAX_FIELDS + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9(),\\[\\] é]{0,60}", any in ".{0,60}") {
            let _ = (parse(&text), parse(&any));
        }
    }
}
