//! Places for the nodes of a layered drawing, from left to right: each node in the layer of its longest
//! path, layers ordered by the middle of their neighbours, and each node as near to that middle as the
//! order lets it be.
//!
//! It knows sizes and edges, and nothing of tasks. The same graph gives the same places.

/// How far apart layers are.
const LAYER_GAP: f64 = 44.0;

/// How far apart nodes of a layer are, and the ways of edges past them.
const NODE_GAP: f64 = 14.0;
const WAY_GAP: f64 = 6.0;

/// How often the order of the layers is gone over, there and back.
const SWEEPS: usize = 6;

/// The most places where edges pass a layer. Past them edges go straight to their end.
const MAX_PASSES: usize = 20_000;

/// A node: its width and its height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where all is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    /// By node: the middle of its left side.
    pub(super) places: Vec<(f64, f64)>,
    /// By edge: where it passes layers, each from a left to a right end at one height.
    pub(super) passes: Vec<Vec<(f64, f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Lays out a graph without cycles.
pub(super) fn layout(sizes: &[Size], edges: &[(usize, usize)]) -> Layout {
    let mut layers = Layers::of(sizes, edges);
    layers.order();
    let heights = layers.heights();
    let mut layout = Layout { passes: vec![Vec::new(); edges.len()], ..Layout::default() };
    layout.places = vec![(0.0, 0.0); sizes.len()];
    let mut x = 0.0;
    for layer in &layers.layers {
        let width = layer.iter().map(|item| layers.items[*item].size.width).fold(0.0, f64::max);
        for &item in layer {
            let (Item { what, size, .. }, y) = (&layers.items[item], heights[item]);
            match what {
                What::Node(node) => layout.places[*node] = (x + (width - size.width) / 2.0, y),
                What::Pass(edge) => layout.passes[*edge].push((x, x + width, y)),
            }
            layout.height = layout.height.max(y + size.height / 2.0);
        }
        layout.width = x + width;
        x += width + LAYER_GAP;
    }
    layout
}

/// What stands in a layer.
#[derive(Clone, Copy, Debug)]
enum What {
    Node(usize),
    /// An edge passes.
    Pass(usize),
}

#[derive(Clone, Debug)]
struct Item {
    what: What,
    size: Size,
    /// The items in the layer before, and in that after.
    before: Vec<usize>,
    after: Vec<usize>,
}

struct Layers {
    items: Vec<Item>,
    /// By layer: the items from top to bottom.
    layers: Vec<Vec<usize>>,
}

/// Which neighbours are looked at.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl Layers {
    fn of(sizes: &[Size], edges: &[(usize, usize)]) -> Layers {
        let ranks = ranks(sizes.len(), edges);
        let item = |what, size| Item { what, size, before: Vec::new(), after: Vec::new() };
        let mut items: Vec<Item> =
            sizes.iter().enumerate().map(|(node, size)| item(What::Node(node), *size)).collect();
        let mut layers = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
        ranks.iter().enumerate().for_each(|(node, rank)| layers[*rank].push(node));
        let mut room = MAX_PASSES;
        for (edge, (from, to)) in edges.iter().enumerate() {
            let mut last = *from;
            let between = ranks[*from] + 1..ranks[*to];
            if between.len() <= room {
                room -= between.len();
                for rank in between {
                    let pass = items.len();
                    items.push(item(What::Pass(edge), Size { width: 0.0, height: 0.0 }));
                    layers[rank].push(pass);
                    items[last].after.push(pass);
                    items[pass].before.push(last);
                    last = pass;
                }
            }
            items[last].after.push(*to);
            items[*to].before.push(last);
        }
        Layers { items, layers }
    }

    fn neighbours(&self, item: usize, side: Side) -> &[usize] {
        match side {
            Side::Before => &self.items[item].before,
            Side::After => &self.items[item].after,
        }
    }

    /// Orders each layer by the middles of the neighbours, going to and fro.
    fn order(&mut self) {
        let mut places = vec![0.0; self.items.len()];
        let number = |layer: &[usize], places: &mut [f64]| {
            layer.iter().enumerate().for_each(|(at, item)| places[*item] = at as f64);
        };
        self.layers.iter().for_each(|layer| number(layer, &mut places));
        for sweep in 0..SWEEPS {
            let n_layers = self.layers.len();
            for step in 1..n_layers {
                let (at, side) = match sweep % 2 {
                    0 => (step, Side::Before),
                    _ => (n_layers - 1 - step, Side::After),
                };
                let mut keyed: Vec<(f64, usize)> = self.layers[at]
                    .iter()
                    .map(|&item| (self.middle(item, side, &places).unwrap_or(places[item]), item))
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable: equal ones keep their order
                self.layers[at] = keyed.into_iter().map(|(_, item)| item).collect();
                number(&self.layers[at], &mut places);
            }
        }
    }

    fn middle(&self, item: usize, side: Side, places: &[f64]) -> Option<f64> {
        let neighbours = self.neighbours(item, side);
        let sum: f64 = neighbours.iter().map(|other| places[*other]).sum();
        (!neighbours.is_empty()).then(|| sum / neighbours.len() as f64)
    }

    /// Returns the heights of the middles of all items; none is above 0.
    fn heights(&self) -> Vec<f64> {
        let mut heights = vec![0.0; self.items.len()];
        for layer in &self.layers {
            let offsets = self.offsets(layer);
            layer.iter().zip(offsets).for_each(|(item, offset)| heights[*item] = offset);
        }
        for sweep in 0..SWEEPS {
            let n_layers = self.layers.len();
            for step in 1..n_layers {
                let (at, side) = match sweep % 2 {
                    0 => (step, Side::Before),
                    _ => (n_layers - 1 - step, Side::After),
                };
                let layer = &self.layers[at];
                let offsets = self.offsets(layer);
                let wanted = layer.iter().zip(&offsets).map(|(item, offset)| {
                    self.middle(*item, side, &heights).unwrap_or(heights[*item]) - offset
                });
                let nearest = nondecreasing(wanted);
                for ((item, offset), base) in layer.iter().zip(&offsets).zip(nearest) {
                    heights[*item] = base + offset;
                }
            }
        }
        let tops = heights.iter().zip(&self.items).map(|(y, item)| y - item.size.height / 2.0);
        let top = tops.fold(f64::INFINITY, f64::min);
        heights.iter().map(|y| y - top).collect()
    }

    /// Returns the heights of a layer's items where they stand as close as they may.
    fn offsets(&self, layer: &[usize]) -> Vec<f64> {
        let mut offsets: Vec<f64> = Vec::with_capacity(layer.len());
        for (at, item) in layer.iter().enumerate() {
            let offset = match at.checked_sub(1) {
                None => 0.0,
                Some(above) => {
                    let (above, own) = (&self.items[layer[above]], &self.items[*item]);
                    let gap = match (above.what, own.what) {
                        (What::Pass(_), What::Pass(_)) => WAY_GAP,
                        (What::Node(_), _) | (_, What::Node(_)) => NODE_GAP,
                    };
                    offsets[at - 1] + above.size.height / 2.0 + gap + own.size.height / 2.0
                }
            };
            offsets.push(offset);
        }
        offsets
    }
}

/// Returns for each node the length of the longest path to it; layers without a node there are none.
fn ranks(n_nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); n_nodes];
    let mut n_before = vec![0usize; n_nodes];
    for (from, to) in edges {
        after[*from].push(*to);
        n_before[*to] += 1;
    }
    let mut ranks = vec![0usize; n_nodes];
    let mut ready: Vec<usize> = (0..n_nodes).filter(|node| n_before[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &next in &after[node] {
            ranks[next] = ranks[next].max(ranks[node] + 1);
            n_before[next] -= 1;
            if n_before[next] == 0 {
                ready.push(next);
            }
        }
    }
    ranks
}

/// Returns the nondecreasing numbers that are nearest to these, by the sum of squares: neighbours that
/// stand the wrong way round share their mean.
fn nondecreasing(wanted: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for value in wanted {
        blocks.push((value, 1));
        while let [.., (above, n_above), (below, n_below)] = blocks[..]
            && above > below
        {
            let n = n_above + n_below;
            let mean = (above * n_above as f64 + below * n_below as f64) / n as f64;
            blocks.truncate(blocks.len() - 2);
            blocks.push((mean, n));
        }
    }
    blocks.into_iter().flat_map(|(mean, n)| std::iter::repeat_n(mean, n)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOX: Size = Size { width: 50.0, height: 20.0 };

    #[test]
    fn wrong_neighbours_share_their_mean() {
        let check = |wanted: &[f64], expected: &[f64]| {
            assert_eq!(nondecreasing(wanted.iter().copied()), expected);
        };
        check(&[], &[]);
        check(&[1.0, 2.0, 2.0], &[1.0, 2.0, 2.0]);
        check(&[3.0, 1.0, 5.0], &[2.0, 2.0, 5.0]);
        check(&[9.0, 6.0, 3.0], &[6.0, 6.0, 6.0]);
    }

    #[test]
    fn a_diamond_stands_straight_and_a_long_edge_passes_beside() {
        let diamond = layout(&[BOX; 4], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert_eq!(diamond.places, [(0.0, 27.0), (94.0, 10.0), (94.0, 44.0), (188.0, 27.0)]);
        assert_eq!((diamond.width, diamond.height), (238.0, 54.0));
        let over = layout(&[BOX; 3], &[(0, 1), (1, 2), (0, 2)]);
        let (y, passes) = (over.places[1].1, &over.passes[2]);
        assert_eq!(passes.len(), 1);
        assert!((passes[0].2 - y).abs() >= 20.0, "{over:?}");
    }

    #[test]
    fn crossed_layers_are_uncrossed() {
        let crossed = layout(&[BOX; 4], &[(0, 3), (1, 2)]);
        assert!(crossed.places[3].1 < crossed.places[2].1, "{crossed:?}");
    }

    #[test]
    fn a_long_chain_with_many_long_edges_is_laid_out() {
        let n = 3_000;
        let mut edges: Vec<(usize, usize)> = (1..n).map(|node| (node - 1, node)).collect();
        edges.extend((2..n).map(|node| (0, node)));
        let layout = layout(&vec![BOX; n], &edges);
        let n_passes: usize = layout.passes.iter().map(Vec::len).sum();
        assert!(n_passes <= MAX_PASSES && layout.width > 200_000.0);
    }

    proptest! {
        #[test]
        fn nothing_lies_on_anything_and_arrows_go_right(
            pairs in prop::collection::vec((0usize..30, 0usize..30), 0..80)
        ) {
            let edges: Vec<(usize, usize)> = pairs.into_iter().filter(|(a, b)| a < b).collect();
            let layout = layout(&[BOX; 30], &edges);
            for (edge, (from, to)) in edges.iter().enumerate() {
                let mut x = layout.places[*from].0 + BOX.width;
                for (left, right, _) in &layout.passes[edge] {
                    prop_assert!(x < *left && left <= right);
                    x = *right;
                }
                prop_assert!(x < layout.places[*to].0);
            }
            for a in 0..30 {
                let (x, y) = layout.places[a];
                prop_assert!(x >= 0.0 && y >= 10.0 - 1e-6 && x + 50.0 <= layout.width + 1e-6);
                prop_assert!(y + 10.0 <= layout.height + 1e-6);
                for b in 0..a {
                    let (other_x, other_y) = layout.places[b];
                    let is_apart = (x - other_x).abs() > 1.0 || (y - other_y).abs() >= 20.0 - 1e-6;
                    prop_assert!(is_apart, "{a} {b}");
                }
            }
        }
    }
}
