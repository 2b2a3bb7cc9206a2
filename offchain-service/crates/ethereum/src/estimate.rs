//! What a transaction would cost, or why it would fail.

use crate::{Answer, Block, EthereumError, Read, Revert, Transaction, View};

/// What a transaction would cost if it were in the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasEstimate {
    /// The gas that it takes: at most 2^24, as much as EIP-7825 lets any transaction use, and at most what a block holds.
    pub gas: u64,
    /// Whether the endpoint said more than a block holds, so that `gas` is that instead; the transaction will hardly be mined.
    pub bounded: bool,
    /// What a unit of gas costs; none on a chain without EIP-1559.
    pub fees: Option<Fees>,
    /// How many transactions the sender has made, those that wait for a block included: this one's nonce, unless the sender
    /// makes another meanwhile.
    pub nonce: u64,
    /// The block that it was computed at.
    pub block: Block,
}

/// What a unit of gas costs by EIP-1559, in the smallest unit of the chain's own currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// What it cost in the block.
    pub base_fee: u128,
    /// What the block's maker gets beyond that: what half of the last blocks' transactions gave.
    pub max_priority_fee: u128,
    /// The most that is paid: twice the base fee, which lasts while six full blocks raise it, and the maker's part; at most
    /// what is configured of the chain.
    pub max_fee: u128,
}

/// Why there is no estimate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// The transaction would fail.
    #[error("the transaction would fail: {0}")]
    Reverted(Revert),
    /// The chain was not read.
    #[error(transparent)]
    Chain(#[from] EthereumError),
}

impl EstimateError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            EstimateError::Reverted(_) => "transaction-fails",
            EstimateError::Chain(error) => error.code(),
        }
    }
}

impl View {
    /// What the transaction would cost after the view's block, simulated by an endpoint, in one round trip. What an endpoint
    /// says is bounded as the fields say, so that a lying one can make an estimate wrong but not absurd; one that says more is
    /// not believed, and the next is asked.
    ///
    /// # Errors
    ///
    /// [`EstimateError::Reverted`] if the transaction would fail, and an error like that of any read otherwise.
    pub async fn estimate(&self, transaction: &Transaction) -> Result<GasEstimate, EstimateError> {
        let reads = [Read::Gas(transaction.clone()), Read::Fees, Read::Nonce(transaction.from), Read::Tip];
        let mut answers = self.read(&reads).await.into_iter();
        let mut next = || answers.next().unwrap_or(Err(EthereumError::Stopped));
        let (gas, fees, nonce, tip) = (next(), next(), next(), next());
        let gas = match gas? {
            Answer::Reverted(revert) => return Err(EstimateError::Reverted(revert)),
            Answer::Gas(gas) => gas,
            _ => return Err(EthereumError::Stopped.into()),
        };
        let (Answer::Fees { gas_limit, base_fee }, Answer::Nonce(nonce)) = (fees?, nonce?) else {
            return Err(EthereumError::Stopped.into());
        };
        let fees = match base_fee {
            Some(base_fee) => match tip? {
                Answer::Tip(tip) => Some(Fees::new(base_fee, tip, self.max_fee_per_gas())),
                _ => return Err(EthereumError::Stopped.into()),
            },
            // There, endpoints often know no tips either.
            None => None,
        };
        Ok(GasEstimate { gas: gas.min(gas_limit), bounded: gas > gas_limit, fees, nonce, block: self.block() })
    }
}

impl Fees {
    fn new(base_fee: u128, tip: u128, most: u128) -> Self {
        let max_fee = base_fee.saturating_mul(2).saturating_add(tip).min(most);
        Fees { base_fee, max_priority_fee: tip.min(max_fee), max_fee }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_last_for_some_blocks_within_the_bound() {
        let of = |base, tip| {
            let fees = Fees::new(base, tip, 1000);
            (fees.max_priority_fee, fees.max_fee)
        };
        assert_eq!(of(100, 3), (3, 203));
        assert_eq!(of(0, 0), (0, 0));
        assert_eq!(of(600, 900), (900, 1000));
        assert_eq!(of(u128::MAX, u128::MAX), (1000, 1000));
    }
}
