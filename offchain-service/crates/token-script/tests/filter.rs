//! The conformance table of filters, with the reason for each line.

use std::collections::BTreeMap;

use alloy_primitives::{I256, U256};
use smartlayer_token_script::{AttributeError, Context, Filter, FilterError, FilterSyntaxError, Limits, Value, Values};

/// The values that the table's filters see.
fn values() -> Values {
    let text = |s: &str| Value::Text(s.into());
    let all = [
        ("zero", Value::Uint(U256::ZERO)),
        ("seven", Value::Uint(U256::from(7))),
        ("huge", Value::Uint(U256::MAX)),
        ("minus", Value::Int(I256::MINUS_ONE)),
        (
            "price",
            Value::Decimal(smartlayer_token_script::Decimal { negative: false, digits: U256::from(150), scale: 2 }),
        ),
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("city", text("Sydney")),
        ("number", text("0010")),
        ("odd", text("a(b)*\\c")),
        ("empty", text("")),
        ("café", text("č")),
        ("opens", text("20260131120000+0800")),
        ("date", text("20260131120000")),
        ("holder", Value::Address([0xab; 20].into())),
        ("hash", Value::Bytes(vec![0xde, 0xad])),
        ("info", Value::Record(vec![])),
        ("info.level", Value::Uint(U256::from(3))),
    ];
    let mut values: Values = all.into_iter().map(|(name, value)| (name.to_string(), Ok(value))).collect();
    values.insert("broken".into(), Err(AttributeError::NotEntered));
    values
}

/// Evaluates through the public interface: a script whose one selection has the filter.
fn evaluate(filter: &str) -> Result<bool, FilterError> {
    let escaped: BTreeMap<char, &str> = [('&', "&amp;"), ('<', "&lt;"), ('"', "&quot;")].into();
    let filter: String = filter.chars().map(|c| escaped.get(&c).map_or(c.to_string(), |e| e.to_string())).collect();
    let xml = format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T"><ts:selection name="s" filter="{filter}"/></ts:token>"#
    );
    let script = smartlayer_token_script::parse(xml.as_bytes(), &Limits::default()).unwrap();
    let context = Context { token_id: U256::from(42), owner: Some([0xab; 20].into()), ..Context::default() };
    script.is_selected("s", &context, &values())
}

#[test]
fn filters_that_have_a_result() {
    let table: &[(&str, bool, &str)] = &[
        // Form
        ("seven=7", true, "the outermost parentheses may be left out"),
        ("(seven=7)", true, "an item in parentheses"),
        ("((seven=7))", true, "needless parentheses are common"),
        (" ( seven = 7 ) ", true, "white space around parts means nothing"),
        ("(&(seven=7)(zero=0))", true, "all hold"),
        ("(&(seven=7)(zero=1))", false, "one does not"),
        ("&(seven=7)(zero=0)", true, "a list without outermost parentheses"),
        ("(|(seven=8)(zero=0))", true, "one holds"),
        ("(|(seven=8)(zero=1))", false, "none holds"),
        ("(!(seven=7))", false, "not"),
        ("!(seven=8)", true, "not, without outermost parentheses"),
        ("(&(|(seven=7)(seven=8))(!(zero=1)))", true, "nested"),
        ("(& (seven=7)\n\t(zero=0) )", true, "pretty-printed"),
        ("yes", true, "a lone attribute asks whether it is true, as in 2019"),
        ("(!(no))", true, "a lone attribute that is false"),
        // Numbers
        ("zero=0", true, "zero is a value, not absence"),
        ("zero>0", false, "zero is not above itself"),
        ("zero<1", true, "zero has an order"),
        ("seven>10", false, "numbers, not texts: \"7\" is behind \"10\" as text"),
        ("seven<10", true, "the same from the other side"),
        ("seven>=7", true, "equal is enough"),
        ("seven<=7", true, "equal is enough"),
        ("seven>7", false, "equal is not enough"),
        ("seven=007", true, "leading zeros mean nothing"),
        ("seven=7.0", true, "nor do trailing ones behind the point"),
        ("seven<7.5", true, "a fraction compares exactly to an integer"),
        ("seven=0x07", true, "hexadecimal"),
        (
            "huge>115792089237316195423570985008687907853269984665640564039457584007913129639934",
            true,
            "no floating point",
        ),
        (
            "huge=115792089237316195423570985008687907853269984665640564039457584007913129639935",
            true,
            "to the last digit",
        ),
        (
            "huge<115792089237316195423570985008687907853269984665640564039457584007913129639936",
            true,
            "beyond 256 bits",
        ),
        ("minus<0", true, "below zero"),
        ("minus>-2", true, "a negative value in the filter"),
        ("price=1.5", true, "decimals are exact"),
        ("price<1.51", true, "decimals have an order"),
        ("number=10", true, "numbers also when the attribute is a text"),
        ("number>9", true, "with their order"),
        // Truth values
        ("no=FALSE", true, "false is a value, not absence"),
        ("no=TRUE", false, "false is not true"),
        ("yes=TRUE", true, "true"),
        ("yes=true", true, "in any case"),
        ("yes=1", true, "1 is true"),
        ("no=0", true, "0 is false"),
        // Texts
        ("city=Sydney", true, "text"),
        ("city=sydney", false, "case counts"),
        ("city= Sydney ", true, "white space around a value means nothing"),
        ("city=\\53ydney", true, "an escape is a byte"),
        ("city=\\20Sydney", false, "a space that is meant is escaped"),
        ("city<Tokyo", true, "texts have an order"),
        ("empty=", true, "the empty text is a value"),
        ("city=", false, "and not every text's"),
        ("odd=a\\28b\\29\\2a\\5cc", true, "all that must be escaped"),
        ("café=\\c4\\8d", true, "two escapes make one character"),
        ("café=č", true, "which can also be written as it is"),
        ("city=$ydney", false, "a dollar without a brace is a dollar"),
        // Times
        ("opens=20260131040000Z", true, "times are instants: zones differ, the instant doesn't"),
        ("opens<20260131050000Z", true, "earlier, though its digits are higher"),
        ("opens>20260131030000Z", true, "later"),
        ("date=20260131120000Z", true, "without a zone it is UTC"),
        ("date<20260201000000", true, "two without a zone"),
        // Addresses and bytes
        ("holder=0xABABABABABABABABABABABABABABABABABABABAB", true, "an address in any case"),
        ("holder=0x0000000000000000000000000000000000000000", false, "another address"),
        ("hash=0xDEAD", true, "bytes in any case"),
        ("hash=0xdeadbeef", false, "other bytes"),
        // References
        ("holder=${ownerAddress}", true, "the holder is the owner"),
        ("tokenId=42", true, "the token's id is an attribute"),
        ("tokenId>${seven}", true, "another attribute's value"),
        ("seven=${seven}", true, "its own"),
        ("city=Syd${empty}ney", true, "inside a value"),
        ("number=${seven}${zero}", false, "joined: 70"),
        ("info.level=3", true, "a part of a value"),
        ("yes=${yes}", true, "a truth value's text is TRUE"),
    ];
    assert!(table.len() >= 60);
    for (filter, expected, why) in table {
        assert_eq!(evaluate(filter), Ok(*expected), "{filter}: {why}");
    }
}

#[test]
fn filters_that_are_errors() {
    use FilterSyntaxError::*;
    let syntax = |filter: &str| match evaluate(filter) {
        Err(FilterError::Syntax(error)) => error,
        other => panic!("{filter}: {other:?}"),
    };
    assert_eq!(syntax(""), Missing { at: 0 });
    assert_eq!(syntax("()"), Missing { at: 1 });
    assert_eq!(syntax("(&)"), Missing { at: 2 });
    assert_eq!(syntax("(!)"), Expected { expected: "(", at: 2 });
    assert_eq!(syntax("(a=1"), Expected { expected: ")", at: 4 });
    assert_eq!(syntax("(a=1))"), Expected { expected: "the end", at: 5 });
    assert_eq!(syntax("(a=1)(b=2)"), Expected { expected: "the end", at: 5 });
    assert!(matches!(syntax("a=(b"), Expected { at: 2, .. }));
    assert_eq!(syntax("=1"), AttributeName { name: "".into(), at: 0 });
    assert_eq!(syntax("a b=1"), AttributeName { name: "a b".into(), at: 0 });
    assert_eq!(syntax("a=\\"), InvalidEscape { at: 2 });
    assert_eq!(syntax("a=\\2"), InvalidEscape { at: 2 });
    assert_eq!(syntax("a=b\\zz"), InvalidEscape { at: 3 });
    assert_eq!(syntax("a=\\\\"), InvalidEscape { at: 2 });
    assert_eq!(syntax("a=\\ff"), InvalidEscape { at: 2 });
    assert!(matches!(syntax("a=${b"), Expected { expected: "}", .. }));
    assert!(matches!(syntax("a=${b c}"), AttributeName { at: 4, .. }));
    for (filter, what) in [
        ("a=b*", "a wildcard"),
        ("a=*", "a wildcard"),
        ("a~=b", "~="),
        ("a:=b", "an extensible match"),
        ("a!=b", "!="),
        ("a==b", "=="),
        ("a=>b", "=>"),
        ("a=<b", "=<"),
    ] {
        assert!(matches!(syntax(filter), Unsupported { what: w, .. } if w == what), "{filter}");
    }
    let deep = format!("{}a=1{}", "(!".repeat(33), ")".repeat(33));
    assert_eq!(syntax(&deep), TooDeep { limit: 32 });
    assert!(matches!(syntax(&format!("(&{})", "(a=1)".repeat(600))), TooManyParts { limit: 512 }));

    let unknown = |name: &str| Err(FilterError::UnknownAttribute(name.into()));
    assert_eq!(evaluate("nothing=1"), unknown("nothing"));
    assert_eq!(evaluate("seven=${nothing}"), unknown("nothing"));
    assert_eq!(evaluate("(|(seven=7)(nothing=1))"), unknown("nothing"), "not hidden by a part that holds");
    assert_eq!(evaluate("(&(seven=8)(nothing=1))"), unknown("nothing"), "nor by one that doesn't");
    assert_eq!(
        evaluate("broken=1"),
        Err(FilterError::Attribute { name: "broken".into(), error: AttributeError::NotEntered })
    );
    for filter in [
        "seven",
        "seven=x",
        "yes=maybe",
        "holder=0x12",
        "hash=dead",
        "info=1",
        "seven=${info}",
        "seven=",
        "seven>${city}",
    ] {
        assert!(matches!(evaluate(filter), Err(FilterError::NotComparable { .. })), "{filter}: {:?}", evaluate(filter));
    }
    for filter in ["yes>FALSE", "holder<0xABABABABABABABABABABABABABABABABABABABAB", "hash>=0x00"] {
        assert!(matches!(evaluate(filter), Err(FilterError::NotOrdered { .. })), "{filter}");
    }
    assert_eq!(evaluate("a=\\zz").unwrap_err().code(), "invalid-escape");
}

#[test]
fn a_filter_names_the_attributes_it_needs() {
    let filter = Filter::parse("(&(a=1)(!(b>${c}))(d))", &Limits::default()).unwrap();
    assert_eq!(filter.attributes().into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}
