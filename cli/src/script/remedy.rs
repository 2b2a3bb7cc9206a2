//! What to do about a reason, by its code.

/// What an author does about a script that was refused, or a filter that has no result; none for a code that is new.
pub fn of(code: &str) -> Option<&'static str> {
    Some(match code {
        "unreadable" => "name a file that exists and that you may read",
        "too-large" => {
            "take images and libraries out of the script; refer to them by their address in the view instead"
        }
        "not-utf8" | "unsupported-encoding" => {
            "save the file as UTF-8, and let the XML declaration say encoding=\"UTF-8\" or nothing"
        }
        "malformed" => "correct the XML; an editor that knows XML shows where it is broken",
        "doctype" => "remove the <!DOCTYPE …> and write out what its entities stand for",
        "external-entity" => {
            "write the files that the entities stand for into the script: xmllint --noent --dropdtd SOURCE > ticket.xml"
        }
        "too-deep" => "nest elements less deep",
        "too-many-nodes" => "make the script smaller; put HTML that is static into one CDATA section",
        "too-many-xml-attributes" => "put fewer attributes on the element",
        "too-many-namespaces" => "declare namespaces once, on the document element",
        "entity-expansion" | "too-much-expansion" => "write out what the entities stand for",
        "not-a-token-script" => {
            "let the document element be <ts:token xmlns:ts=\"http://tokenscript.org/2024/01/tokenscript\">"
        }
        "unknown-namespace" => {
            "use a published version of the namespace: 2019/05, 2019/10, 2020/03, 2020/06, 2022/09 or 2024/01"
        }
        "missing-name" => "give the element a name",
        "duplicate" => "give each a name of its own",
        "unknown-access" => "write sl:access=\"owner\" or sl:access=\"public\"",
        "unknown-mark" => {
            "let xmlns:sl be https://smartlayer.network/tokenscript/2026/11, and put sl:access on an attribute, selection or card"
        }
        "too-many" => "split the script into several, or remove what is not used",
        "invalid-filter" => "write it as (attribute=value), joined by (&…), (|…) and (!…)",
        "invalid-escape" => {
            "write special characters of a value as a backslash and two hexadecimal digits: \\28 \\29 \\2a \\5c"
        }
        "unknown-attribute" => "correct the name, or give the attribute a value in the file of --values",
        "attribute-unavailable" => "give the attribute a value in the file of --values",
        "not-comparable" => "compare the attribute with a value of its own kind",
        "not-ordered" => "compare with =, or negate that: (!(attribute=value))",
        "unknown-selection" => "name a selection that the script defines",
        "invalid-values" => "write a JSON object such as {\"level\": {\"as\": \"uint\", \"value\": \"7\"}}",
        _ => return None,
    })
}
