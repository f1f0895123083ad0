//! Attributes and fns while they are being typed: whatever is there, the item's tokens come out again, and nothing
//! panics.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

const ATTRIBUTES: [&str; 6] = [
    "source = timer, sink = [print]",
    "source = every(secs(1)), pipe = [pairwise, chunks(3), |s| s.skip(1)], sink = [COUNTS, |n: u64| drop(n), print]",
    "source = [numbers, &WORDS, 0..3_u32, [1, 2]], name = \"look\", crate = slip::deep",
    "source = QUAKES, on_error = retry(3, fixed(secs(1))).then(dead_letter(&DEAD)), timeout = secs(5)",
    "source = numbers, concurrency = 8, key = |n: &u64| *n, buffer = 64",
    "source = if ready { a } else { b }, sink = match x { _ => [print] }",
];

const ITEMS: [&str; 10] = [
    "async fn main() -> slipstream::Result<()> { slipstream::run().await }",
    "fn main() {}",
    "fn tick(now: u64) -> u64 { now }",
    "pub(crate) async fn count(quake: &Quake, more: State<Limits>) -> Result<(String, u64)> { if 1 { todo() } }",
    "#[inline] unsafe extern \"C\" fn look<'a, T: Send, const N: usize>(&self, (a, b): (T, [u8; N]), c: &'a mut T, ...) \
     where T: Clone;",
    "fn gives(_: impl Fn(u8) -> u8, r#type: &'static str) -> impl Future<Output = ()> + Send { ready(()) }",
    "const fn one() -> Option<u64> { let }",
    "struct Tick { at: u64 }",
    "impl Shop { fn sell(&self) {} }",
    "macro_rules! nothing { () => {} }",
];

/// One after another, with one token less at each step, and with groups cut short too.
fn prefixes(text: &str) -> Vec<TokenStream> {
    let all = flat(text.parse().expect("tokens"));
    (0..=all.len()).map(|end| joined(&all[..end])).collect()
}

/// A token, or the start or the end of a group.
#[derive(Clone)]
enum Piece {
    Token(TokenTree),
    Open(Delimiter),
    Close,
}

fn flat(tokens: TokenStream) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                pieces.push(Piece::Open(group.delimiter()));
                pieces.extend(flat(group.stream()));
                pieces.push(Piece::Close);
            }
            token => pieces.push(Piece::Token(token)),
        }
    }
    pieces
}

/// The tokens of these pieces; what is open at the end is closed, as the compiler does, and what was not is passed over.
fn joined(pieces: &[Piece]) -> TokenStream {
    let mut open = vec![(Delimiter::None, TokenStream::new())];
    for piece in pieces {
        match piece {
            Piece::Token(token) => open.last_mut().expect("the outermost").1.extend([token.clone()]),
            Piece::Open(delimiter) => open.push((*delimiter, TokenStream::new())),
            Piece::Close if open.len() > 1 => close(&mut open),
            Piece::Close => {}
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.remove(0).1
}

fn close(open: &mut Vec<(Delimiter, TokenStream)>) {
    let (delimiter, inner) = open.pop().expect("an open group");
    let group = TokenTree::Group(Group::new(delimiter, inner));
    open.last_mut().expect("the outermost").1.extend([group]);
}

/// The item comes first, or within what `main` is made of; and all that is emitted is tokens of items.
fn emits(attribute: &TokenStream, item: &TokenStream) {
    let handled = super::super::expand(attribute.clone(), item.clone()).to_string();
    assert!(handled.starts_with(&item.to_string()), "`{item}` is gone from `{handled}`");
    let run = crate::main_fn::expand(attribute.clone(), item.clone()).to_string();
    assert!(run.contains(&item.to_string()), "`{item}` is gone from `{run}`");
}

#[test]
fn every_prefix_of_an_attribute() {
    for attribute in ATTRIBUTES.iter().flat_map(|text| prefixes(text)) {
        for item in ITEMS {
            emits(&attribute, &item.parse().expect("tokens"));
        }
    }
}

#[test]
fn every_prefix_of_an_item() {
    for item in ITEMS.iter().flat_map(|text| prefixes(text)) {
        for attribute in ATTRIBUTES {
            emits(&attribute.parse().expect("tokens"), &item);
        }
    }
}

#[test]
fn tokens_left_out_and_doubled() {
    let mut random = Random(0x5eed);
    for round in 0..2000 {
        let attribute = mangled(ATTRIBUTES[round % ATTRIBUTES.len()], &mut random);
        let item = mangled(ITEMS[round % ITEMS.len()], &mut random);
        emits(&attribute, &item);
    }
}

/// Some of the pieces left out, some twice, some at another place.
fn mangled(text: &str, random: &mut Random) -> TokenStream {
    let mut pieces = flat(text.parse().expect("tokens"));
    for _ in 0..=random.below(3) {
        if pieces.is_empty() {
            break;
        }
        let at = random.below(pieces.len());
        match random.below(3) {
            0 => drop(pieces.remove(at)),
            1 => pieces.insert(at, pieces[at].clone()),
            _ => {
                let other = random.below(pieces.len());
                pieces.swap(at, other);
            }
        }
    }
    joined(&pieces)
}

/// A small generator: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("it is below a usize")
    }
}
