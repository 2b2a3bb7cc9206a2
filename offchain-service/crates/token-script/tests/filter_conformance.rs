//! The conformance table of filters: expression, expected result or error code, and the reason.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{json, Value as Json};
use smartlayer_token_script::{AttributeError, Context, Filter, FilterSyntaxError, Limits, Value, Values};

/// The values that the table's filters see: name, kind, JSON.
fn values() -> BTreeMap<String, Value> {
    let all: Json = json!({
        "zero": { "as": "uint", "value": "0" },
        "seven": { "as": "uint", "value": 7 },
        "huge": { "as": "uint", "value": "115792089237316195423570985008687907853269984665640564039457584007913129639935" },
        "minus": { "as": "int", "value": "-1" },
        "price": { "as": "e2", "value": "150" },
        "balance": { "as": "e18", "value": "1500000000000000001" },
        "yes": { "as": "bool", "value": true },
        "no": { "as": "bool", "value": false },
        "city": { "as": "utf8", "value": "Sydney" },
        "number": { "as": "utf8", "value": "0010" },
        "hugeText": { "as": "utf8", "value": "115792089237316195423570985008687907853269984665640564039457584007913129639935" },
        "odd": { "as": "utf8", "value": "a(b)*\\c" },
        "empty": { "as": "utf8", "value": "" },
        "flag": { "as": "utf8", "value": "true" },
        "café": { "as": "utf8", "value": "č" },
        "opens": { "as": "utf8", "value": "20260131120000+0800" },
        "date": { "as": "utf8", "value": "20260131120000" },
        "expiry": { "as": "time", "value": "20230615103000Z" },
        "later": { "as": "time", "value": "2023-06-15T12:30:00.5+02:00" },
        "seconds": { "as": "uint", "value": "1686825000" },
        "holder": { "as": "address", "value": "0xabababababababababababababababababababab" },
        "holderText": { "as": "utf8", "value": "0xABABABABABABABABABABABABABABABABABABABAB" },
        "ownerAddress": { "as": "address", "value": "0xabababababababababababababababababababab" },
        "hash": { "as": "bytes", "value": "0xdead" },
        "tokenId": { "as": "uint", "value": "42" },
        "levels": { "as": "uint", "value": ["1", "7", "0"] },
        "cities": { "as": "utf8", "value": ["Sydney", "Tokyo"] },
        "nothing": { "as": "utf8", "value": [] },
        "info": { "as": "abi", "value": { "level": 3, "tags": ["a", "b"] } },
    });
    let typed = |(name, of): (&String, &Json)| {
        let value = Value::typed(of["as"].as_str().unwrap(), &of["value"]);
        (name.clone(), value.unwrap_or_else(|e| panic!("{name}: {e}")))
    };
    all.as_object().unwrap().iter().map(typed).collect()
}

type Expected = Result<bool, &'static str>;
const YES: Expected = Ok(true);
const NO: Expected = Ok(false);

const TABLE: &[(&str, Expected, &str)] = &[
    // Form
    ("seven=7", YES, "the outermost parentheses may be left out"),
    ("(seven=7)", YES, "an item in parentheses"),
    ("((seven=7))", YES, "needless parentheses are common"),
    (" ( seven = 7 ) ", YES, "white space around parts means nothing"),
    ("(&(seven=7)(zero=0))", YES, "all hold"),
    ("(&(seven=7)(zero=1))", NO, "one does not"),
    ("(&(seven=7))", YES, "a list of one"),
    ("&(seven=7)(zero=0)", YES, "a list without outermost parentheses"),
    ("(|(seven=8)(zero=0))", YES, "one holds"),
    ("(|(seven=8)(zero=1))", NO, "none holds"),
    ("(!(seven=7))", NO, "not"),
    ("!(seven=8)", YES, "not, without outermost parentheses"),
    ("!(seven=0)(seven=10)", YES, "not over a list: neither holds"),
    ("!(seven=0)(seven=7)", NO, "not over a list: one holds, so not neither"),
    ("(!(seven=7)(zero=0))", NO, "not over a list: both hold"),
    ("&(!(seven=0)(seven=10))(holder=${ownerAddress})", YES, "not over a list, inside a list"),
    ("(!(!(seven=7)))", YES, "not not"),
    ("(&(|(seven=7)(seven=8))(!(zero=1)))", YES, "nested"),
    ("(& (seven=7)\n\t(zero=0) )", YES, "pretty-printed"),
    ("yes", YES, "a lone attribute asks whether it is true, as in 2019"),
    ("(!(no))", YES, "a lone attribute that is false"),
    ("flag", YES, "a text that says true is true"),
    // Presence
    ("city=*", YES, "there is a value"),
    ("(city= * )", YES, "white space around the asterisk means nothing"),
    ("zero=*", YES, "zero is a value, not absence"),
    ("no=*", YES, "false is a value, not absence"),
    ("empty=*", YES, "the empty text is a value"),
    ("info=*", YES, "a record is a value"),
    ("nothing=*", NO, "a list without items holds no value"),
    ("(!(nothing=*))", YES, "asking for absence"),
    ("unknown=*", Err("unknown-attribute"), "absence is not the same as a misspelt name"),
    // Substrings
    ("city=S*", YES, "begins with"),
    ("city=s*", NO, "case counts"),
    ("city=*ney", YES, "ends with"),
    ("city=*dn*", YES, "contains"),
    ("city=S*d*y", YES, "begins, contains and ends"),
    ("city=S*y*y", YES, "two pieces at two places"),
    ("city=*y*d*y*y", NO, "pieces don't overlap and keep their order"),
    ("city=Sydney*", YES, "nothing is something in between"),
    ("city=Sydney*Sydney", NO, "the beginning and the end don't overlap"),
    ("city=S**y", YES, "several asterisks are one"),
    ("odd=a*\\2a*c", YES, "an escaped asterisk is an asterisk"),
    ("odd=*\\29*", YES, "an escaped parenthesis in a piece"),
    ("city=${city}*", YES, "a reference in a piece"),
    ("odd=${odd}*", YES, "asterisks in a referenced value are texts"),
    ("holder=0xAB*", YES, "an address in any case"),
    ("hash=*AD", YES, "bytes in any case"),
    ("expiry=202306*", YES, "a time by its GeneralizedTime"),
    ("cities=T*", YES, "one item of a list"),
    ("cities=P*", NO, "no item of a list"),
    ("seven=7*", Err("not-comparable"), "what a number's digits begin with means nothing"),
    ("city>S*", Err("invalid-filter"), "an order has no wildcards"),
    // Numbers
    ("zero=0", YES, "zero is a value, not absence"),
    ("zero>0", NO, "zero is not above itself"),
    ("zero<1", YES, "zero has an order"),
    ("zero=${no}", YES, "false is 0 where a number is compared to it"),
    ("seven>10", NO, "numbers, not texts: \"7\" is behind \"10\" as text"),
    ("seven<10", YES, "the same from the other side"),
    ("seven>=7", YES, "equal is enough"),
    ("seven<=7", YES, "equal is enough"),
    ("seven>7", NO, "equal is not enough"),
    ("seven=007", YES, "leading zeros mean nothing"),
    ("seven=7.0", YES, "nor do trailing ones behind the point"),
    ("seven<7.5", YES, "a fraction compares exactly to an integer"),
    ("seven=0x07", YES, "hexadecimal"),
    (
        "huge>115792089237316195423570985008687907853269984665640564039457584007913129639934",
        YES,
        "no floating point: one less in the last of 78 digits",
    ),
    ("huge=115792089237316195423570985008687907853269984665640564039457584007913129639935", YES, "to the last digit"),
    ("huge<115792089237316195423570985008687907853269984665640564039457584007913129639936", YES, "beyond 256 bits"),
    ("hugeText=${huge}", YES, "a text compares as a number to a number of any size"),
    ("hugeText>99999999999999999999", YES, "longer is larger, though 1 is before 9"),
    ("huge=${hugeText}", YES, "the same from the other side"),
    ("seven<${number}", YES, "a number to a text that is a number: 7 and 0010"),
    ("minus<0", YES, "below zero"),
    ("minus>-2", YES, "a negative value in the filter"),
    ("price=1.5", YES, "decimals are exact"),
    ("price<1.51", YES, "decimals have an order"),
    ("balance>1.5", YES, "to the last of 18 digits behind the point"),
    ("number=10", YES, "numbers also when the attribute is a text"),
    ("number>9", YES, "with their order"),
    ("seven=x", Err("not-comparable"), "no number"),
    ("seven=", Err("not-comparable"), "nothing is no number"),
    ("seven=1e3", Err("not-comparable"), "an exponent is no integer"),
    ("seven>${city}", Err("not-comparable"), "a text that is no number"),
    // Truth values
    ("no=FALSE", YES, "false is a value, not absence"),
    ("no=TRUE", NO, "false is not true"),
    ("yes=TRUE", YES, "true"),
    ("yes=true", YES, "in any case"),
    ("yes=1", YES, "1 is true"),
    ("no=0", YES, "0 is false"),
    ("flag=${yes}", YES, "a text compares as a truth value to one"),
    ("yes=maybe", Err("not-comparable"), "neither true nor false"),
    ("yes=2", Err("not-comparable"), "2 is neither"),
    ("yes>FALSE", Err("not-ordered"), "truth values have no order"),
    ("seven", Err("not-comparable"), "a number that is not 0 or 1 is no truth value"),
    // Texts
    ("city=Sydney", YES, "text"),
    ("city=sydney", NO, "case counts"),
    ("city= Sydney ", YES, "white space around a value means nothing"),
    ("city=\\53ydney", YES, "an escape is a byte"),
    ("city=\\20Sydney", NO, "a space that is meant is escaped"),
    ("city<Tokyo", YES, "texts have an order"),
    ("empty=", YES, "the empty text is a value"),
    ("city=", NO, "and not every text's"),
    ("odd=a\\28b\\29\\2a\\5cc", YES, "all that must be escaped"),
    ("café=\\c4\\8d", YES, "two escapes make one character"),
    ("café=č", YES, "which can also be written as it is"),
    ("city=$ydney", NO, "a dollar without a brace is a dollar"),
    // Times
    ("expiry=20230615103000Z", YES, "the instant"),
    ("expiry=20230615183000+0800", YES, "the same instant in another zone"),
    ("expiry=20230615103000", YES, "without a zone it is UTC"),
    ("expiry=2023-06-15T10:30:00Z", YES, "as RFC 3339 writes it"),
    ("expiry=2023", YES, "any instant of the year"),
    ("expiry=2022", NO, "another year"),
    ("expiry>2023", NO, "an instant of the year is not behind the year"),
    ("expiry<2023", NO, "nor before it"),
    ("expiry>=2023", YES, "the year or later"),
    ("expiry<=2023", YES, "the year or earlier"),
    ("expiry>2022", YES, "behind the year before"),
    ("expiry<2024", YES, "before the year after"),
    ("expiry=202306", YES, "any instant of the month"),
    ("expiry<202307", YES, "before the month"),
    ("expiry=20230615", YES, "any instant of the day"),
    ("expiry=2023-06-15", YES, "the day with dashes"),
    ("expiry>20230615", NO, "an instant of the day is not behind the day"),
    ("expiry<20230616", YES, "before the next day"),
    ("expiry=202306151030", YES, "to the minute, in UTC"),
    ("later=20230615103000Z", NO, "half a second later is another instant"),
    ("later>${expiry}", YES, "and behind it"),
    ("expiry=${seconds}", YES, "a number of another attribute is seconds since 1970"),
    ("seconds<=${expiry}", YES, "the same from the other side"),
    ("expiry=1686825000", Err("not-comparable"), "digits in a filter are a date, and this is none"),
    ("expiry=20230231", Err("not-comparable"), "there is no such day"),
    ("expiry=yesterday", Err("not-comparable"), "no time"),
    ("opens=20260131040000Z", YES, "a text with a zone is a time: zones differ, the instant doesn't"),
    ("opens<20260131050000Z", YES, "earlier, though its digits are higher"),
    ("opens>20260131030000Z", YES, "later"),
    ("opens=2026", YES, "any instant of the year, also for such a text"),
    ("date=20260131120000Z", YES, "one side with a zone is enough"),
    ("date<20260201000000", YES, "two texts without a zone, by their digits"),
    ("date>${expiry}", YES, "a text compares as a time to one"),
    // Addresses and bytes
    ("holder=0xABABABABABABABABABABABABABABABABABABABAB", YES, "an address in any case"),
    ("holder=0x0000000000000000000000000000000000000000", NO, "another address"),
    ("holderText=${holder}", YES, "a text compares as an address to one"),
    ("holder=0x12", Err("not-comparable"), "no address"),
    ("holder<0xABABABABABABABABABABABABABABABABABABABAB", Err("not-ordered"), "addresses have no order"),
    ("hash=0xDEAD", YES, "bytes in any case"),
    ("hash=0xdeadbeef", NO, "other bytes"),
    ("hash=dead", Err("not-comparable"), "bytes begin with 0x"),
    ("hash>=0x00", Err("not-ordered"), "bytes have no order"),
    // Lists and records
    ("levels=7", YES, "one item is enough"),
    ("levels=0", YES, "zero is an item"),
    ("levels=8", NO, "no item"),
    ("(!(levels=8))", YES, "none of them"),
    ("seven=${levels}", YES, "among them"),
    ("cities=Tokyo", YES, "a list of texts"),
    ("levels=x", Err("not-comparable"), "its items can't be compared to that"),
    ("levels>0", Err("not-ordered"), "a list has no order: which item would decide?"),
    ("info.level=3", YES, "a part of a record"),
    ("info.tags[1]=b", YES, "an item of a list in a record"),
    ("info.tags=a", YES, "a list in a record"),
    ("info=1", Err("not-comparable"), "a record compares to nothing"),
    ("seven=${info}", Err("not-comparable"), "nor anything to a record"),
    ("city=a${levels}", Err("not-comparable"), "a list has no text"),
    ("info.colour=1", Err("unknown-attribute"), "the record has no such part"),
    // References
    ("holder=${ownerAddress}", YES, "the holder is the owner"),
    ("tokenId=42", YES, "the token's id is an attribute"),
    ("tokenId>${seven}", YES, "another attribute's value"),
    ("seven=${seven}", YES, "its own"),
    ("city=Syd${empty}ney", YES, "inside a value"),
    ("number=${seven}${zero}", NO, "joined: 70"),
    ("yes=${yes}", YES, "a truth value to itself"),
    ("seven=${unknown}", Err("unknown-attribute"), "a reference to nothing"),
    // Errors
    ("unknown=1", Err("unknown-attribute"), "a misspelt name is no result"),
    ("(|(seven=7)(unknown=1))", Err("unknown-attribute"), "not hidden by a part that holds"),
    ("(&(seven=8)(unknown=1))", Err("unknown-attribute"), "nor by one that doesn't"),
    ("city=\\zz", Err("invalid-escape"), "not hexadecimal"),
    ("city=\\2", Err("invalid-escape"), "one digit"),
    ("city=\\", Err("invalid-escape"), "no digits"),
    ("city=\\\\", Err("invalid-escape"), "a backslash is \\5c"),
    ("city=\\ff", Err("invalid-escape"), "a byte that is no UTF-8"),
    ("", Err("invalid-filter"), "nothing"),
    ("()", Err("invalid-filter"), "nothing in parentheses"),
    ("(&)", Err("invalid-filter"), "a list of nothing"),
    ("(!)", Err("invalid-filter"), "not nothing"),
    ("(seven=7", Err("invalid-filter"), "a parenthesis is not closed"),
    ("(seven=7))", Err("invalid-filter"), "one too many is closed"),
    ("(seven=7)(zero=0)", Err("invalid-filter"), "two filters without a sign"),
    ("city=(b", Err("invalid-filter"), "a parenthesis in a value is \\28"),
    ("=1", Err("invalid-filter"), "no attribute"),
    ("a b=1", Err("invalid-filter"), "no attribute's name"),
    ("city=${b", Err("invalid-filter"), "a brace is not closed"),
    ("city=${b c}", Err("invalid-filter"), "no attribute's name in the braces"),
    ("seven~=7", Err("invalid-filter"), "approximate comparison is not served"),
    ("seven:=7", Err("invalid-filter"), "extensible matches are not served"),
    ("seven!=8", Err("invalid-filter"), "unequal is (!(seven=8))"),
    ("seven==7", Err("invalid-filter"), "= once"),
    ("seven=>7", Err("invalid-filter"), ">= is meant, or \\3e"),
    ("seven=<7", Err("invalid-filter"), "<= is meant, or \\3c"),
];

#[test]
fn filters_conform() {
    assert!(TABLE.len() >= 80);
    let values = values();
    let mut wrong = Vec::new();
    println!("{} cases: expression, result, reason", TABLE.len());
    for (expression, expected, reason) in TABLE {
        let result = match Filter::parse(expression, &Limits::default()) {
            Err(error) => Err(smartlayer_token_script::FilterError::from(error).code()),
            Ok(filter) => {
                let result = filter.evaluate(&values);
                let explained = filter.explain(&values);
                assert_eq!(explained.result, result.clone().ok(), "{expression}: explained as it is evaluated");
                assert_eq!(explained.error, result.clone().err(), "{expression}: explained as it is evaluated");
                let written = filter.root().to_string();
                assert_eq!(
                    Filter::parse(&written, &Limits::default()).as_ref(),
                    Ok(&filter),
                    "{expression}: {written}"
                );
                result.map_err(|error| error.code())
            }
        };
        let shown = result.map_or_else(|code| code.to_string(), |result| result.to_string());
        println!("{:<100} {shown:<18} {reason}", format!("{expression:?}"));
        if result != *expected {
            wrong.push(format!("{expression}: {shown}, but {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_missing_value_is_an_error_unless_it_is_asked_for() {
    let missing = |error| Values::from([("a".to_string(), Err(error))]);
    let evaluate = |filter: &str, values: &Values| {
        let filter = Filter::parse(filter, &Limits::default()).unwrap();
        filter.evaluate_values(values).map_err(|error| error.code())
    };
    let absent = missing(AttributeError::NotEntered);
    assert_eq!(evaluate("a=*", &absent), Ok(false), "there is none");
    assert_eq!(evaluate("a=1", &absent), Err("attribute-unavailable"));
    assert_eq!(evaluate("a.b=*", &absent), Ok(false), "nor a part of it");
    let unreadable = missing(AttributeError::Undecodable("it is empty".into()));
    assert_eq!(evaluate("a=*", &unreadable), Err("attribute-unavailable"), "that it can't be read says nothing");
    let unknown = missing(AttributeError::Unknown("a".into()));
    assert_eq!(evaluate("a=*", &unknown), Err("unknown-attribute"));
}

#[test]
fn explanations_show_what_was_compared() {
    let filter = Filter::parse("(&(seven>${zero})(|(city=S*)(unknown=1)))", &Limits::default()).unwrap();
    let explained = serde_json::to_value(filter.explain(&values())).unwrap();
    let error = json!({ "code": "unknown-attribute", "message": "there is no attribute unknown" });
    assert_eq!(
        explained,
        json!({
            "expression": "(&(seven>${zero})(|(city=S*)(unknown=1)))",
            "error": error,
            "parts": [
                { "expression": "(seven>${zero})", "result": true, "value": "7", "compared": "0" },
                {
                    "expression": "(|(city=S*)(unknown=1))",
                    "error": error,
                    "parts": [
                        { "expression": "(city=S*)", "result": true, "value": "Sydney", "compared": "S*" },
                        { "expression": "(unknown=1)", "error": error, "compared": "1" },
                    ],
                },
            ],
        })
    );
}

#[test]
fn syntax_errors_say_where() {
    use FilterSyntaxError::*;
    let syntax = |filter: &str| Filter::parse(filter, &Limits::default()).unwrap_err();
    assert_eq!(syntax("(&)"), Missing { at: 2 });
    assert_eq!(syntax("(a=1"), Expected { expected: ")", at: 4 });
    assert_eq!(syntax("a=b\\zz"), InvalidEscape { at: 3 });
    assert!(matches!(syntax("a=${b c}"), AttributeName { at: 4, .. }));
    let deep = format!("{}a=1{}", "(!".repeat(33), ")".repeat(33));
    assert_eq!(syntax(&deep), TooDeep { limit: 32 });
    assert_eq!(syntax(&deep).at(), None);
    assert!(matches!(syntax(&format!("(&{})", "(a=1)".repeat(600))), TooManyParts { limit: 512 }));
    assert!(matches!(syntax(&format!("a={}", "x*".repeat(600))), TooManyParts { limit: 512 }));
}

#[test]
fn a_filter_names_the_attributes_it_needs() {
    let filter = Filter::parse("(&(a=1)(!(b>${c}))(d)(e=*)(f=x${g}*))", &Limits::default()).unwrap();
    assert_eq!(filter.attributes().into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g"]);
}

/// A script's own names are there beside its attributes.
#[test]
fn selections_of_scripts_are_decided_by_the_same_filters() {
    let xml = r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T">
        <ts:selection name="s" filter="(&amp;(tokenId=42)(ownerAddress=*)(walletAddress=${ownerAddress})(chainId=1))"/></ts:token>"#;
    let script = smartlayer_token_script::parse(xml.as_bytes(), &Limits::default()).unwrap();
    let context = Context {
        token_id: "42".parse().unwrap(),
        owner: Some([0xab; 20].into()),
        caller: Some([0xab; 20].into()),
        chain_id: Some(1),
        ..Context::default()
    };
    assert_eq!(script.is_selected("s", &context, &Values::new()), Ok(true));
    assert_eq!(script.is_selected("t", &context, &Values::new()).unwrap_err().code(), "unknown-selection");
}

proptest! {
    #[test]
    fn reading_and_evaluating_never_panics(text in "[a-c&|!()=<>*\\\\${}0-9x. ]{0,60}") {
        if let Ok(filter) = Filter::parse(&text, &Limits::default()) {
            let values = BTreeMap::from([("a".to_string(), Value::Text("1".into())), ("b".into(), Value::Bool(false))]);
            let explained = filter.explain(&values);
            prop_assert_eq!(explained.result, filter.evaluate(&values).ok());
            prop_assert_eq!(Filter::parse(&filter.root().to_string(), &Limits::default()), Ok(filter));
        }
    }
}
