#[docify::export]
#[test]
fn register_and_fund() {}
