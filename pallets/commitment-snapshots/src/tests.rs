#[test]
#[docify::export]
fn a_period_and_its_commitment() {}
