#[docify::export]
#[test]
fn a_node_earns_its_share_once() {}
