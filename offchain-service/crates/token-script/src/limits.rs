//! How much of anything a token script may ask for.

/// The bounds within which a script is read and evaluated. The defaults admit every published script known to the authors
/// with room to spare (the largest has 1.6 MB, the deepest 7 levels).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The script's size in bytes, also after its internal entities were expanded. Default: 4 MiB.
    pub bytes: usize,
    /// How deep elements may nest. Default: 128.
    pub depth: usize,
    /// How many elements, comments and processing instructions there may be. Default: 100,000.
    pub nodes: usize,
    /// How many XML attributes one element may have. Default: 128.
    pub xml_attributes: usize,
    /// How many namespace declarations there may be in total. Default: 1,024.
    pub namespaces: usize,
    /// How many contracts, attributes, selections, cards, views of a card, data objects, arguments or options of a mapping there
    /// may be, each. Default: 512.
    pub items: usize,
    /// How deep the parts of a filter may nest. Default: 32.
    pub filter_depth: usize,
    /// How many parts a filter may have. Default: 512.
    pub filter_nodes: usize,
    /// How deep attributes may refer to each other. Default: 32.
    pub reference_depth: usize,
    /// How many origins and references one evaluation may visit. Default: 10,000.
    pub steps: usize,
    /// How many distinct calls, questions for logs and slots of storage one evaluation may ask for in all. Default: 64.
    pub calls: usize,
    /// How many logs one question may be answered with. Default: 10,000.
    pub logs: usize,
    /// How many slots of storage a text or bytes may take up behind its own. Default: 32.
    pub storage_words: usize,
    /// The largest result of an Ethereum call that is looked at, in bytes. Default: 64 KiB.
    pub call_result: usize,
    /// What the values decoded from one call may take up in memory, in bytes. Default: 1 MiB.
    pub decoded: usize,
    /// The longest view as HTML, in bytes. Default: 2 MiB; the largest published one has 1.6 MB.
    pub view: usize,
    /// The longest argument that a caller may enter, in bytes of its JSON. Default: 16 KiB.
    pub entry: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 4 << 20,
            depth: 128,
            nodes: 100_000,
            xml_attributes: 128,
            namespaces: 1024,
            items: 512,
            filter_depth: 32,
            filter_nodes: 512,
            reference_depth: 32,
            steps: 10_000,
            calls: 64,
            logs: 10_000,
            storage_words: 32,
            call_result: 64 << 10,
            decoded: 1 << 20,
            view: 2 << 20,
            entry: 16 << 10,
        }
    }
}
