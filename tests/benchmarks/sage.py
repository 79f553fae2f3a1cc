"""Time a training step of GraphSAGE, with our loop and with PyTorch Geometric's loader, and the machine's arithmetic.

Run it: ``python tests/benchmarks/sage.py``, on a machine that does nothing else. ``--output`` keeps the numbers.

A million nodes, ten million directed edges, 128 dimensions, fan-out 10 and 5, batches of 1,024 edges, the same number
of nodes asked about where negatives are drawn: source, target and one false target for each edge. The peer,
``LinkNeighborLoader`` with two ``SAGEConv``, runs where torch-sparse or pyg-lib is installed, and is left out
elsewhere. What a large matrix product in the same process reaches is the limit; of a step only its matrix products are
counted, which the model's own arithmetic needs. On a processor, both the clock's time and the processor's are given:
others who use the machine change the latter little.

It also prints what `embed_all` takes for all nodes. Each contender has a process of its own, so that its memory is its
own too; what graph and features take is the same for all.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kgss_helpers.compute import has_bf16, machine, pick_device
from kgss_helpers.files import write_whole
from kgss_helpers.methods.graph_sage import Csr, GraphSage, embed_all
from kgss_helpers.training.sage.link_prediction import LinkLoss
from kgss_helpers.training.sage.node_negatives import NodeNegatives
from kgss_helpers.training.sage.sage_command import peak_memory
from kgss_helpers.training.sampler import NeighbourSampler

FAN_OUT, WIDTH = (10, 5), 128
PEER = "LinkNeighborLoader + SAGEConv"
CONTENDERS = ("this loop, in-batch negatives", "this loop, drawn negatives", PEER)
COMPILED = ("torch_sparse", "pyg_lib")
Step = Callable[[int], float]


def random_graph(nodes: int, edges: int) -> np.ndarray:
    """Pairs of nodes, half as many as directed edges; popular ones as in a power law."""
    rng = np.random.default_rng(0)
    popular = (nodes * rng.random(edges // 2) ** 2).astype(np.int64)
    return np.stack([rng.integers(nodes, size=edges // 2), popular], axis=1)


def ours(pairs: np.ndarray, nodes: int, batch_size: int, device: str, *, drawn: bool) -> tuple[Step, int]:
    """A step of our loop, from sampling to the optimizer, and how many nodes it asks about."""
    torch.manual_seed(0)
    csr = Csr.from_pairs(pairs, nodes).to(device)
    x = torch.nn.functional.normalize(torch.randn(nodes, WIDTH), dim=1).to(device)
    model = GraphSage(WIDTH, hidden=WIDTH, out=WIDTH).to(device)
    negatives = NodeNegatives(csr, "uniform") if drawn else None
    loss_of = LinkLoss(NeighbourSampler(csr, FAN_OUT), x, drawn=negatives, both_directions=not drawn)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    edges = torch.from_numpy(pairs).to(device)
    order = torch.randperm(len(edges), device=device)
    use_bf16 = device == "cuda" and has_bf16(device)

    def step(number: int) -> float:
        batch = edges[order[number * batch_size : (number + 1) * batch_size]]
        with torch.autocast(device, torch.bfloat16, enabled=use_bf16):
            loss = loss_of(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step, (3 if drawn else 2) * batch_size


def peer(pairs: np.ndarray, nodes: int, batch_size: int, device: str) -> tuple[Step, int]:
    """A step with the library's loader, layers and false targets, as its documentation writes it."""
    from torch_geometric.data import Data
    from torch_geometric.loader import LinkNeighborLoader
    from torch_geometric.nn import SAGEConv
    from torch_geometric.sampler import NegativeSampling

    torch.manual_seed(0)
    edges = torch.from_numpy(pairs).T.contiguous()
    data = Data(x=torch.nn.functional.normalize(torch.randn(nodes, WIDTH), dim=1),
                edge_index=torch.cat([edges, edges.flip(0)], dim=1))  # fmt: skip
    layers = torch.nn.ModuleList(SAGEConv(WIDTH, WIDTH) for _ in FAN_OUT).to(device)
    optimizer = torch.optim.AdamW(layers.parameters(), lr=1e-3, fused=True)
    batches = iter(LinkNeighborLoader(data, list(FAN_OUT), edges, neg_sampling=NegativeSampling("triplet", 1),
                                      batch_size=batch_size, shuffle=True))  # fmt: skip

    def step(_: int) -> float:
        batch = next(batches).to(device)
        state = layers[0](batch.x, batch.edge_index).relu()
        state = torch.nn.functional.normalize(layers[1](state, batch.edge_index), dim=1)
        here = state[batch.src_index]
        scores = torch.stack([(here * state[there]).sum(1) for there in (batch.dst_pos_index, batch.dst_neg_index)], 1)
        loss = torch.nn.functional.cross_entropy(20 * scores, torch.zeros(len(here), dtype=torch.long, device=device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step, 3 * batch_size


def products(seeds: int, batch_size: int, *, drawn: bool) -> float:
    """Floating-point operations of the matrix products of our step: weights forward, and their gradients.

    Features get no gradient, so the first layer needs two products where the second needs three.
    """
    first, second = seeds * (1 + FAN_OUT[0]), seeds
    layers = 2 * 2 * WIDTH * WIDTH * (2 * first + 3 * second)
    scores = 0 if drawn else 3 * 2 * WIDTH * batch_size**2
    return layers + scores


def arithmetic(device: str) -> tuple[float, float]:
    """Operations a second of a large matrix product: by the clock, and by the processor."""
    kind = torch.bfloat16 if device == "cuda" and has_bf16(device) else torch.float32
    left, right = (torch.randn(4096, 4096, device=device, dtype=kind) for _ in range(2))
    best = [0.0, 0.0]
    for _ in range(4):
        clock, processor = time.perf_counter(), time.process_time()
        (left @ right).sum().item()
        took = (time.perf_counter() - clock, time.process_time() - processor)
        best = [max(so_far, 2 * 4096**3 / seconds) for so_far, seconds in zip(best, took, strict=True)]
    return best[0], best[1]


def measured(name: str, nodes: int, edges: int, batch_size: int, steps: int, device: str) -> dict[str, object]:
    """One contender in this process."""
    pairs, drawn = random_graph(nodes, edges), "drawn" in name
    step, seeds = peer(pairs, nodes, batch_size, device) if name == PEER else ours(
        pairs, nodes, batch_size, device, drawn=drawn
    )  # fmt: skip
    clock, processor = [], []
    for number in range(-3, steps):  # the first three warm up
        started = time.perf_counter(), time.process_time()
        step(number % steps)
        if number >= 0:
            clock.append(time.perf_counter() - started[0])
            processor.append(time.process_time() - started[1])
    by_clock, by_processor = arithmetic(device)
    found = {"contender": name, "steps": steps, "nodes_asked_about": seeds, "ms_a_step": 1e3 * median(clock),
             "processor_ms_a_step": 1e3 * median(processor), "edges_a_second": batch_size / median(clock),
             "edges_a_processor_second": batch_size / median(processor), "peak_memory_gb": peak_memory()}  # fmt: skip
    if name != PEER:
        share = products(seeds, batch_size, drawn=drawn)
        found |= {"limit_ms_a_step": 1e3 * share / by_clock, "limit_processor_ms_a_step": 1e3 * share / by_processor}
    if device == "cuda":
        found["peak_gpu_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    if name == CONTENDERS[0]:
        csr, x = Csr.from_pairs(pairs, nodes), torch.randn(nodes, WIDTH)
        started = time.perf_counter(), time.process_time()
        embed_all(GraphSage(WIDTH).to(device), csr, x)
        found |= {"seconds_to_embed_all": time.perf_counter() - started[0],
                  "processor_seconds_to_embed_all": time.process_time() - started[1]}  # fmt: skip
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in found.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000, help="directed, so twice as many as pairs")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device")
    parser.add_argument("--output", type=Path, help="a JSON file that keeps machine, versions, date and numbers")
    parser.add_argument("--note", default="", help="kept with the numbers: how the peer was built, say")
    parser.add_argument("--contender", choices=CONTENDERS, help="this one alone, as JSON")
    options = parser.parse_args()
    device = pick_device(options.device)
    if options.contender:
        found = measured(options.contender, options.nodes, options.edges, options.batch_size, options.steps, device)
        print(json.dumps(found))
        return
    compiled = next((name for name in COMPILED if importlib.util.find_spec(name)), None)
    results = []
    for name in CONTENDERS:
        if name == PEER and compiled is None:
            print(f"{PEER}: left out, since neither {' nor '.join(COMPILED)} is installed")
            continue
        command = [sys.executable, __file__, "--contender", name, "--device", device]
        command += [f"--{key.replace('_', '-')}={getattr(options, key)}" for key in
                    ("nodes", "edges", "batch_size", "steps")]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise SystemExit(f"{name} failed:\n{ended.stderr}")
        results.append(found := json.loads(ended.stdout.splitlines()[-1]))
        print("\n".join(f"{key:32}{value}" for key, value in found.items()), end="\n\n")
    if options.output:
        kept = {"nodes": options.nodes, "directed_edges": options.edges, "dimensions": WIDTH, "fan_out": FAN_OUT,
                "batch_size": options.batch_size, "device": device, "date": datetime.now(UTC).date().isoformat(),
                "peer_compiled_by": compiled, **machine(torch.device(device), bf16=device == "cuda"),
                "cpu_capability": torch.backends.cpu.get_cpu_capability(), "note": options.note,
                "results": results}  # fmt: skip
        write_whole(options.output, json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
