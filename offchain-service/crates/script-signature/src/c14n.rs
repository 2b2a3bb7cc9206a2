//! Canonical XML 1.0 and Exclusive XML Canonicalization 1.0, of a whole document but one element, or of one element.
//!
//! The parser resolves prefixes and forgets them, while the canonical form keeps them: they are read from the source, at the
//! places that the parser names. What it gives as text and as attributes' values is normalised already, with references resolved.
//! It leaves a carriage return that stands alone beside a reference as it is, where the specification has a line feed: so does
//! whoever reads the script with it, and the signature is held against what is read.

use std::collections::BTreeMap;

use roxmltree::{Node, NodeType};

use crate::{algorithm::Canonicalization, scan::Tag};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Writes the document that `skip` is in, without `skip` and what it holds.
pub(crate) fn document_without(skip: Node<'_, '_>, method: Canonicalization, out: &mut impl FnMut(&str)) {
    Writer::new(method, out).walk(skip.document().root(), Some(skip));
}

/// Writes `element` and what it holds.
pub(crate) fn element(element: Node<'_, '_>, method: Canonicalization, out: &mut impl FnMut(&str)) {
    Writer::new(method, out).walk(element, None);
}

struct Writer<'a, F> {
    method: Canonicalization,
    out: F,
    /// The namespace that each prefix was last written with, as seen from here. No prefix is the empty one.
    rendered: BTreeMap<&'a str, &'a str>,
    /// For each open element what it changed there, to be put back.
    changes: Vec<Vec<(&'a str, Option<&'a str>)>>,
}

impl<'a, F: FnMut(&str)> Writer<'a, F> {
    fn new(method: Canonicalization, out: F) -> Self {
        Writer { method, out, rendered: BTreeMap::new(), changes: Vec::new() }
    }

    /// Without recursion: depth costs memory only.
    fn walk(mut self, apex: Node<'a, '_>, skip: Option<Node<'a, '_>>) {
        let mut node = apex;
        loop {
            let skipped = Some(node) == skip;
            if !skipped {
                self.open(node, node == apex);
                if let Some(child) = node.first_child() {
                    node = child;
                    continue;
                }
                self.close(node);
            }
            loop {
                if node == apex {
                    return;
                }
                if let Some(next) = node.next_sibling() {
                    node = next;
                    break;
                }
                let Some(parent) = node.parent() else { return };
                node = parent;
                self.close(node);
            }
        }
    }

    fn open(&mut self, node: Node<'a, '_>, apex: bool) {
        match node.node_type() {
            NodeType::Root => {}
            NodeType::Element => self.start_tag(node, apex),
            NodeType::Text => escape(node.text().unwrap_or_default(), &TEXT, &mut self.out),
            NodeType::Comment if !self.method.comments() => {}
            NodeType::Comment => self.aside(node, |out| {
                out("<!--");
                unescaped(node.text().unwrap_or_default(), out);
                out("-->");
            }),
            NodeType::PI => self.aside(node, |out| {
                let Some(pi) = node.pi() else { return };
                out("<?");
                out(pi.target);
                if let Some(value) = pi.value.filter(|value| !value.is_empty()) {
                    out(" ");
                    unescaped(value, out);
                }
                out("?>");
            }),
        }
    }

    fn close(&mut self, node: Node<'a, '_>) {
        if node.is_element() {
            (self.out)("</");
            (self.out)(qname(node));
            (self.out)(">");
            for (prefix, before) in self.changes.pop().unwrap_or_default() {
                match before {
                    Some(uri) => self.rendered.insert(prefix, uri),
                    None => self.rendered.remove(prefix),
                };
            }
        }
    }

    /// A comment or a processing instruction; beside the document element each has a line of its own.
    fn aside(&mut self, node: Node<'_, '_>, write: impl FnOnce(&mut F)) {
        let outside = node.parent().is_some_and(|parent| parent.is_root());
        let before = node.range().start < node.document().root_element().range().start;
        if outside && !before {
            (self.out)("\n");
        }
        write(&mut self.out);
        if outside && before {
            (self.out)("\n");
        }
    }

    fn start_tag(&mut self, node: Node<'a, '_>, apex: bool) {
        let name = qname(node);
        (self.out)("<");
        (self.out)(name);

        let mut namespaces: Vec<(&str, &str)> = if self.method.exclusive() {
            let own = (prefix(name), node.tag_name().namespace().unwrap_or_default());
            let of_attributes =
                node.attributes().filter_map(|a| Some((prefix(&source(node)[a.range_qname()]), a.namespace()?)));
            std::iter::once(own).chain(of_attributes).collect()
        } else if apex || declares(node) {
            let in_scope = node.namespaces().map(|n| (n.name().unwrap_or_default(), n.uri()));
            let no_default = node.default_namespace().is_none().then_some(("", ""));
            in_scope.chain(no_default).collect()
        } else {
            // The same are in scope as in the parent, which has written them.
            Vec::new()
        };
        namespaces
            .retain(|(prefix, uri)| *prefix != "xml" && self.rendered.get(prefix).copied().unwrap_or_default() != *uri);
        namespaces.sort_unstable();
        namespaces.dedup();
        let mut changed = Vec::with_capacity(namespaces.len());
        for (prefix, uri) in namespaces {
            (self.out)(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            (self.out)(prefix);
            self.value(uri);
            changed.push((prefix, self.rendered.insert(prefix, uri)));
        }
        self.changes.push(changed);

        let mut attributes: Vec<(&str, &str, &str, &str)> = node.attributes().map(|a| attribute(node, a)).collect();
        if apex && !self.method.exclusive() {
            // An element taken out of its document keeps the language and the like that it stood in.
            for outer in node.ancestors().skip(1) {
                for inherited in outer.attributes().filter(|a| a.namespace() == Some(XML)) {
                    if !attributes.iter().any(|(uri, name, ..)| (*uri, *name) == (XML, inherited.name())) {
                        attributes.push(attribute(outer, inherited));
                    }
                }
            }
        }
        attributes.sort_unstable();
        for (_, _, qname, value) in attributes {
            (self.out)(" ");
            (self.out)(qname);
            self.value(value);
        }
        (self.out)(">");
    }

    fn value(&mut self, value: &str) {
        (self.out)("=\"");
        escape(value, &VALUE, &mut self.out);
        (self.out)("\"");
    }
}

/// An attribute in the order of sorting: namespace, name, then how it is written and its value.
fn attribute<'a>(node: Node<'a, '_>, attribute: roxmltree::Attribute<'a, '_>) -> (&'a str, &'a str, &'a str, &'a str) {
    let qname = &source(node)[attribute.range_qname()];
    (attribute.namespace().unwrap_or_default(), local(qname), qname, attribute.value())
}

fn source<'a>(node: Node<'a, '_>) -> &'a str {
    node.document().input_text()
}

/// The element's name as it is written, with its prefix.
fn qname<'a>(node: Node<'a, '_>) -> &'a str {
    let tag = source(node).get(node.range().start + 1..).unwrap_or_default();
    let end = tag.find([' ', '\t', '\n', '\r', '/', '>']).unwrap_or(tag.len());
    &tag[..end]
}

fn prefix(qname: &str) -> &str {
    qname.split_once(':').map_or("", |(prefix, _)| prefix)
}

fn local(qname: &str) -> &str {
    qname.split_once(':').map_or(qname, |(_, local)| local)
}

fn declares(node: Node<'_, '_>) -> bool {
    let tag = source(node).get(node.range().start..).and_then(Tag::read);
    tag.is_none_or(|tag| tag.namespaces > 0)
}

type Escapes = [(u8, &'static str)];
const TEXT: [(u8, &str); 4] = [(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;"), (b'\r', "&#xD;")];
const VALUE: [(u8, &str); 6] =
    [(b'&', "&amp;"), (b'<', "&lt;"), (b'"', "&quot;"), (b'\t', "&#x9;"), (b'\n', "&#xA;"), (b'\r', "&#xD;")];

fn escape(text: &str, escapes: &Escapes, out: &mut impl FnMut(&str)) {
    let mut from = 0;
    for (i, byte) in text.bytes().enumerate() {
        if let Some((_, escaped)) = escapes.iter().find(|(special, _)| *special == byte) {
            out(&text[from..i]);
            out(escaped);
            from = i + 1;
        }
    }
    out(&text[from..]);
}

/// The parser leaves line ends as they are in comments and processing instructions.
fn unescaped(text: &str, out: &mut impl FnMut(&str)) {
    for (i, line) in text.replace("\r\n", "\n").split('\r').enumerate() {
        if i > 0 {
            out("\n");
        }
        out(line);
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, ParsingOptions};

    use super::*;
    use Canonicalization::{Exclusive, ExclusiveWithComments, Inclusive, InclusiveWithComments};

    fn parse(xml: &str) -> Document<'_> {
        Document::parse_with_options(xml, ParsingOptions { allow_dtd: true, ..ParsingOptions::default() }).unwrap()
    }

    fn whole(xml: &str, method: Canonicalization) -> String {
        let (document, mut out) = (parse(xml), String::new());
        Writer::new(method, |text: &str| out.push_str(text)).walk(document.root(), None);
        out
    }

    /// The element named `name`, taken out of its document.
    fn part(xml: &str, name: &str, method: Canonicalization) -> String {
        let (document, mut out) = (parse(xml), String::new());
        let apex = document.descendants().find(|n| n.tag_name().name() == name).unwrap();
        element(apex, method, &mut |text| out.push_str(text));
        out
    }

    fn same_in_both(xml: &str, canonical: &str) {
        for method in [Inclusive, Exclusive] {
            assert_eq!(whole(xml, method), canonical, "{method:?}");
            assert_eq!(whole(canonical, method), canonical, "{method:?}, again");
        }
    }

    /// Section 3.1 of Canonical XML.
    #[test]
    fn what_stands_beside_the_document_element() {
        let xml = "<?xml version=\"1.0\"?>\n\n<?xml-stylesheet   href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n\n\
                   <!DOCTYPE doc SYSTEM \"doc.dtd\">\n\n<doc>Hello, world!<!-- Comment 1 --></doc>\n\n\
                   <?pi-without-data     ?>\n\n<!-- Comment 2 -->\n\n<!-- Comment 3 -->";
        let without = "<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n<doc>Hello, world!</doc>\n\
                       <?pi-without-data?>";
        let with = "<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n<doc>Hello, world!<!-- Comment 1 --></doc>\n\
                    <?pi-without-data?>\n<!-- Comment 2 -->\n<!-- Comment 3 -->";
        same_in_both(xml, without);
        assert_eq!(whole(xml, InclusiveWithComments), with);
        assert_eq!(whole(xml, ExclusiveWithComments), with);
    }

    /// Section 3.2: white space in content stays.
    #[test]
    fn white_space_stays() {
        same_in_both("<a>\n <b>  x\t</b > \n\n</a\n>", "<a>\n <b>  x\t</b> \n\n</a>");
    }

    /// Section 3.3: empty elements, the order of namespaces and attributes, namespaces that are declared already.
    #[test]
    fn tags_namespaces_and_attributes() {
        let xml = "<doc>\n<e1   /><e2   ></e2>\n<e3   name = \"elem3\"   id='elem3'   />\n\
                   <e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\"\n xmlns:b=\"http://www.ietf.org\"\n \
                   xmlns:a=\"http://www.w3.org\"\n xmlns=\"http://example.org\"/>\n\
                   <e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\">\
                   <e8 xmlns=\"\" xmlns:a=\"http://www.w3.org\"><e9 xmlns=\"\" xmlns:a=\"http://www.ietf.org\"/>\
                   <e10/></e8></e7><e11/></e6></doc>";
        let common = "<doc>\n<e1></e1><e2></e2>\n<e3 id=\"elem3\" name=\"elem3\"></e3>\n\
                      <e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" \
                      attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>\n";
        let inclusive = "<e6 xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\">\
                         <e9 xmlns:a=\"http://www.ietf.org\"></e9><e10></e10></e8></e7><e11></e11></e6></doc>";
        let exclusive =
            "<e6><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9></e9><e10></e10></e8></e7><e11></e11></e6></doc>";
        assert_eq!(whole(xml, Inclusive), [common, inclusive].concat());
        assert_eq!(whole(xml, Exclusive), [common, exclusive].concat());
    }

    /// Section 3.4: references, CDATA, line ends.
    #[test]
    fn characters() {
        same_in_both(
            "<doc>\r\n<text>First line&#x0d;&#10;Second\rline\r\n</text><value>&#x32;</value>\
             <compute><![CDATA[value>\"0\" && value<\"10\"\r\n?\"valid\":\"error\"]]></compute>\
             <compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>a]]&gt;b</compute>\
             <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; ' b='\r\n1\t2\n\n3\r4'/>\u{1d11e} &#x1d11e;</doc>",
            "<doc>\n<text>First line&#xD;\nSecond\nline\n</text><value>2</value>\
             <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\"\n?\"valid\":\"error\"</compute>\
             <compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;\">a]]&gt;b</compute>\
             <norm attr=\" '    &#xD;&#xA;&#x9;   ' \" b=\" 1 2  3 4\"></norm>\u{1d11e} \u{1d11e}</doc>",
        );
        assert_eq!(
            whole("<a><!--b\r\nc\rd--><?p e\r\n&f;\r?></a>", InclusiveWithComments),
            "<a><!--b\nc\nd--><?p e\n&f;\n?></a>"
        );
        same_in_both("\u{feff}<a b='c'><b:d xmlns:b='e'/></a>", "<a b=\"c\"><b:d xmlns:b=\"e\"></b:d></a>");
    }

    /// Section 3.7 and 2.4: an element taken out brings its namespaces, and the language that it stood in, along.
    #[test]
    fn a_part_of_a_document() {
        let xml = "<n0:local xmlns:n0=\"foo:bar\" xmlns:n3=\"ftp://example.org\" xml:lang=\"de\" xml:space=\"preserve\" n0:x=\"\">\
                   <n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\"/>\
                   </n1:elem2></n0:local>";
        assert_eq!(
            part(xml, "elem2", Inclusive),
            "<n1:elem2 xmlns:n0=\"foo:bar\" xmlns:n1=\"http://example.net\" xmlns:n3=\"ftp://example.org\" xml:lang=\"en\" \
             xml:space=\"preserve\"><n3:stuff></n3:stuff></n1:elem2>"
        );
        assert_eq!(
            part(xml, "elem2", Exclusive),
            "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff>\
             </n1:elem2>"
        );
    }

    /// The exclusive canonicalisation writes a namespace where it is used, however often, and never where it isn't.
    #[test]
    fn used_namespaces() {
        let xml = "<a xmlns:p=\"u\" xmlns:q=\"v\" xmlns=\"w\"><b/><p:c q:d=\"\"/><p:c><p:d/><e p:f=\"\" xmlns:p=\"x\"><p:g/></e>\
                   <p:h/></p:c></a>";
        assert_eq!(
            whole(xml, Exclusive),
            "<a xmlns=\"w\"><b></b><p:c xmlns:p=\"u\" xmlns:q=\"v\" q:d=\"\"></p:c><p:c xmlns:p=\"u\"><p:d></p:d>\
             <e xmlns:p=\"x\" p:f=\"\"><p:g></p:g></e><p:h></p:h></p:c></a>"
        );
        assert_eq!(
            part("<a xmlns=\"u\"><b xmlns=\"\"><c/></b></a>", "c", Inclusive),
            part("<a xmlns=\"u\"><b xmlns=\"\"><c/></b></a>", "c", Exclusive),
        );
    }

    #[test]
    fn the_skipped_element_leaves_the_text_around_it() {
        for (xml, canonical) in [
            ("<a> <s>x<y/></s>\n<b/></a>", "<a> \n<b></b></a>"),
            ("<a><b/><s/></a>", "<a><b></b></a>"),
            ("<a><s/></a>", "<a></a>"),
            ("<a><s/>x</a><!--y--><?z?>", "<a>x</a>\n<?z?>"),
        ] {
            let (document, mut out) = (parse(xml), String::new());
            let skip = document.descendants().find(|n| n.has_tag_name("s")).unwrap();
            document_without(skip, Inclusive, &mut |text| out.push_str(text));
            assert_eq!(out, canonical);
        }
    }
}
