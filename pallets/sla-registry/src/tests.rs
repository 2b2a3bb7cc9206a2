#[test]
#[docify::export]
fn an_agreement_from_proposal_to_end() {}
