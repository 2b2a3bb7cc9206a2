//! Views ready to be served: a browser runs what the policy lists, and the policy lists what is in the signed bytes.

mod common;

use common::{assert_policy_is_exact, sources};
use proptest::prelude::*;
use smartlayer_token_script::{parse, Limits, ViewContent, ViewError, ViewKind};

fn view_with(content: &str, bundle: &smartlayer_token_script::Bundle<'_>) -> Result<ViewContent, ViewError> {
    let xml = format!(
        r#"<ts:token xmlns:ts="http://tokenscript.org/2024/01/tokenscript" name="T"><ts:cards><ts:card type="token" name="c">
        <ts:view xml:lang="en" xmlns="http://www.w3.org/1999/xhtml" xmlns:x="urn:x">{content}</ts:view></ts:card></ts:cards></ts:token>"#
    );
    let script = parse(xml.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {content}"));
    script.view("c", ViewKind::View, "en", xml.as_bytes(), bundle)
}

fn view(content: &str) -> ViewContent {
    view_with(content, &|_| None).unwrap()
}

#[test]
fn nothing_is_loaded_and_nothing_leaves() {
    let policy = view("<p>x</p>").policy;
    for directive in [
        "default-src 'none'",
        "script-src 'none'",
        "style-src 'none'",
        "img-src data:",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "sandbox allow-scripts",
    ] {
        assert!(policy.split("; ").any(|part| part == directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("frame-ancestors"));
}

/// Each of these once made a script of another text than the one that was written, in some browser or parser.
#[test]
fn hashes_are_of_what_a_parser_sees() {
    for (content, scripts, styles) in [
        ("<script>a &lt; b &amp;&amp; c</script><style>p > b {}</style>", 1, 1),
        ("<script><![CDATA[x = '</script><script>alert(1)</script>']]></script>", 1, 0),
        ("<script><![CDATA[x = '</SCRIPT >']]></script><style><![CDATA[</Style\n>]]></style>", 1, 1),
        ("<script><![CDATA[x = '<!-- <script>' ; y = '</script>']]></script><p>after</p>", 1, 0),
        ("<script><![CDATA[x = '<!--<script ']]></script><script>2</script>", 2, 0),
        ("<script><![CDATA[<!-- as it was done once\nx()\n//-->]]></script>", 1, 0),
        ("<script>a<script>b</script>c</script>", 1, 0),
        ("<SCRIPT>if (1 &lt; 2) {}</SCRIPT><Style>a &gt; b {}</Style>", 1, 1),
        ("<x:script>1 &lt; 2</x:script>", 1, 0),
        ("<script>a&#13;&#10;b&#13;c</script><style>&#13;</style>", 1, 1),
        (
            "<script type=\"text/plain\">data</script><script type=\"module\">1</script><script type=\"\">2</script>",
            2,
            0,
        ),
        // HTML heeds the first of attributes that differ in case, and none of another vocabulary.
        ("<script TYPE=\"text/plain\" type=\"module\">1</script><script x:type=\"text/plain\">2</script>", 1, 0),
        ("<script src=\"https://example.com/a.js\">1</script><script SRC=\"\">2</script>", 0, 0),
        ("<script/><style/><script></script>", 0, 0),
        ("<script title=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">1</script>", 1, 0),
        ("<p title=\"&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">&lt;script&gt;2&lt;/script&gt;</p>", 0, 0),
        ("<svg><script>1 &lt; 2</script><style>a > b {}</style><title><script>3</script></title></svg>", 1, 1),
        ("<svg><p/><script>1 &lt; 2</script></svg><script>3 &lt; 4</script>", 2, 0),
        ("<table><svg><foreignObject><tr/></foreignObject><script>1 &lt; 2</script></svg></table>", 1, 0),
        ("<math><mi><svg><script>1 &lt; 2</script></svg></mi><script>3</script></math><script>4</script>", 1, 0),
        ("<select><svg><script>1 &lt; 2</script></svg><style>a</style><option>x</option></select>", 0, 0),
        ("<title><script>1</script></title><textarea><script>2</script></textarea>", 0, 0),
        ("<xmp><script>1</script></xmp><noscript><script>2</script></noscript><plaintext/><script>3</script>", 1, 0),
        ("<iframe><script>1</script></iframe><noembed/><noframes/><frameset/><script>2</script>", 1, 0),
        ("<template><col/><svg><script>1 &lt; 2</script></svg></template>", 1, 0),
        ("<!-- <script>1</script> --><script><!-- gone -->2</script>", 1, 0),
    ] {
        let view = view(content);
        assert_policy_is_exact(&view, content);
        let count = |directive| sources(&view.policy, directive).len();
        assert_eq!((count("script-src "), count("style-src ")), (scripts, styles), "{content}: {}", view.html);
        assert!(!view.html.contains("gone"), "{content}: {}", view.html);
    }
}

#[test]
fn what_is_elsewhere_is_named_and_not_fetched() {
    let view = view(
        r##"<iframe src="https://a.example/page"/><img src="https://b.example/i.png"/><img src="data:image/png;base64,AA=="/>
        <link rel="stylesheet" href="//c.example/s.css"/><a href="https://d.example/">link</a><base href="https://e.example/"/>
        <meta http-equiv="refresh" content="0;url=https://f.example/"/><svg><use href="#own"/></svg>"##,
    );
    let remote: Vec<_> = view.remote.iter().map(String::as_str).collect();
    assert_eq!(
        remote,
        ["//c.example/s.css", "https://a.example/page", "https://b.example/i.png", "https://e.example/"]
    );
    for gone in ["<iframe", "<base", "refresh"] {
        assert!(!view.html.contains(gone), "{gone}: {}", view.html);
    }
    assert!(view.html.contains("<a href=\"https://d.example/\">"));
}

#[test]
fn included_files_are_listed_like_the_scripts_own() {
    let includes = r#"<ts:include type="js" src="a.js"/><ts:include type="css" src="a.css"/><ts:include type="html" src="a.html"/>
        <svg><ts:include type="js" src="b.js"/></svg>"#;
    let view = view_with(includes, &|file| Some(format!("/* {} */ '</script></style>'\r\n", file.src))).unwrap();
    assert_policy_is_exact(&view, includes);
    let missing: Vec<_> = view.missing.iter().map(|file| file.src.as_str()).collect();
    assert_eq!(missing, ["a.html", "b.js"], "HTML can't be vouched for");
}

#[test]
fn what_one_policy_can_not_list_is_refused() {
    let scripts = |n: usize| (0..n).map(|i| format!("<script>{i}</script>")).collect::<String>();
    assert!(view_with(&scripts(64), &|_| None).is_ok_and(|view| view.policy.len() < 8192));
    assert_eq!(view_with(&scripts(65), &|_| None), Err(ViewError::TooManyScripts(64)));
    let large = format!("<script>{}</script>", "x".repeat(2 << 20));
    assert_eq!(view_with(&large, &|_| None), Err(ViewError::TooLarge(2 << 20)));
}

fn markup() -> impl Strategy<Value = String> {
    const NAMES: [&str; 44] = [
        "script",
        "SCRIPT",
        "style",
        "svg",
        "math",
        "mi",
        "annotation-xml",
        "foreignObject",
        "title",
        "desc",
        "textarea",
        "table",
        "tr",
        "td",
        "caption",
        "col",
        "colgroup",
        "select",
        "option",
        "template",
        "p",
        "div",
        "b",
        "a",
        "font",
        "button",
        "form",
        "li",
        "br",
        "img",
        "image",
        "head",
        "body",
        "html",
        "frameset",
        "noscript",
        "iframe",
        "plaintext",
        "h1",
        "nobr",
        "pre",
        "x:script",
        "é",
        "input",
    ];
    let text = prop_oneof![
        Just("<![CDATA[</script>]]>"),
        Just("<![CDATA[<!--]]>"),
        Just("<![CDATA[<script>]]>"),
        Just("<![CDATA[</style>]]>"),
        Just("<![CDATA[-->]]>"),
        Just("a &lt; b"),
        Just("&#13;"),
        Just(" "),
        Just("x"),
    ]
    .prop_map(String::from);
    let attribute = prop_oneof![
        8 => Just(""),
        1 => Just(" type=\"text/plain\""),
        1 => Just(" TYPE=\"module\""),
        1 => Just(" src=\"a\""),
        1 => Just(" encoding=\"text/html\""),
        1 => Just(" type=\"hidden\""),
    ];
    let element = (proptest::sample::select(NAMES.as_slice()), attribute);
    text.prop_recursive(8, 48, 5, move |inner| {
        (element.clone(), proptest::collection::vec(inner, 0..5))
            .prop_map(|((name, attribute), children)| format!("<{name}{attribute}>{}</{name}>", children.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    /// However elements are nested, the policy lists what an HTML parser finds.
    #[test]
    fn any_nesting_is_read_as_it_was_meant(content in markup()) {
        assert_policy_is_exact(&view(&content), &content);
    }
}
