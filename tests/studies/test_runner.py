"""Studies that are interrupted, damaged, shared, changed: what is done stays, what is lost is done again."""

import contextlib
import functools
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest
from processes import Pause

import keras_selectivity as ks
from keras_selectivity import datasets
from keras_selectivity import robustness
from keras_selectivity._json_file import write_json
from keras_selectivity.results import Results
from keras_selectivity.results import evaluation_in
from keras_selectivity.results import pick
from keras_selectivity.results import read
from keras_selectivity.results import write
from keras_selectivity.studies import RunsFolder
from keras_selectivity.studies import join
from keras_selectivity.studies import make_study
from keras_selectivity.studies import run_study
from keras_selectivity.studies import time_left
from keras_selectivity.studies.engines import Here
from keras_selectivity.studies.engines import Processes
from keras_selectivity.studies.engines import Ray

NAME = "alpha-1_seed0"
CONTENT = {
    "study": {"name": "tiny", "title": "t", "description": "d"},
    "grid": {"alphas": [-1], "seeds": [0]},
    "run": {
        "dataset": "shapes", "network": "tiny", "epochs": 2, "milestones": [1], "batch_size": 50,
        "validation_per_class": 10, "train_samples": 100, "pad": 0, "deterministic": False,
    },
    "evaluation": {"limit": 50, "jacobian": {"projections": 1}},
}  # fmt: skip


def changed(table, **values):
    return {**CONTENT, table: {**CONTENT[table], **values}}


def in_toml(value):
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {in_toml(part)}' for key, part in value.items())}}}"
    return json.dumps(value)


def command(folder, content, *arguments):
    """The command line on a study, as a process of its own."""
    text = "\n".join(
        f"[{table}]\n" + "\n".join(f"{key} = {in_toml(value)}" for key, value in entries.items())
        for table, entries in content.items()
    )
    (folder / "study.toml").write_text(text)
    return [
        sys.executable, "-m", "keras_selectivity", "study", "run", str(folder / "study.toml"),
        "--runs", str(folder / "runs"), "--output", str(folder / "results.parquet"), *arguments,
    ]  # fmt: skip


def run(arguments, **options):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=500, **options)
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def content_of(rows):
    """Rows without the fingerprint: TensorFlow writes equal networks as different bytes."""
    return [{**row, "fingerprint": None} for row in rows]


@pytest.fixture(scope="module", name="once")
def _once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("once")
    run_study(make_study(CONTENT), Here(folder / "runs", verbose=0), folder)
    return folder


@pytest.fixture(name="done")
def _done(once, tmp_path):
    shutil.copytree(once / "runs", tmp_path / "runs")
    return tmp_path


def again(folder, content=CONTENT, engine=Here, **options):
    """Runs the study once more, where an engine does it; returns its rows."""
    return read(
        run_study(make_study(content), engine(folder / "runs", verbose=0), folder, **options)
    ).to_dicts()


def stamp(folder):
    return (folder / "runs" / NAME / "model" / "run.json").stat().st_mtime_ns


def test_rows_say_how_their_network_was_trained(once):
    rows = read(once / "results.parquet")
    assert rows["epoch"].is_not_null().any() and rows["training"].n_unique() == 1
    training = json.loads(rows["training"][0])
    declared = {
        **CONTENT["run"],
        "learning_rate": 0.1,
        "precision": "float32",
        "metric": "selectivity",
        "layers": None,
    }
    assert training | declared | {"momentum": 0.9, "l2": 1e-4, "samples_validated_on": 100} == training
    assert not {"alpha", "seed", "best_epoch"} & set(training)


def test_truncated_rows_are_measured_again(once, done, caplog):
    path, trained = done / "runs" / NAME / "rows" / "pack-0001" / "rows.parquet", stamp(done)
    path.write_bytes(path.read_bytes()[:-100])
    rows = again(done)
    assert "rows.parquet is damaged" in caplog.text
    assert path.parent.with_name("pack-0001.damaged-1").exists() and stamp(done) == trained
    assert rows == read(once / "results.parquet").to_dicts()


def test_rows_of_an_older_version_are_taken_over(once, done):
    run = done / "runs" / NAME
    write(run / "rows.parquet", read(run / "rows"))
    shutil.rmtree(run / "rows")
    joined = read(join(make_study(CONTENT), RunsFolder(done / "runs"), done / "joined.parquet"))
    assert again(done) == joined.to_dicts() == read(once / "results.parquet").to_dicts()
    assert (run / "rows.parquet.replaced-1").exists()
    assert [path.name for path in (run / "rows").iterdir()] == ["pack-0001"], "nothing is measured again"


def test_a_damaged_model_is_exported_again(done, caplog):
    trained = stamp(done)
    (done / "runs" / NAME / "model" / "saved_model.pb").write_bytes(b"")
    rows = again(done)
    said = caplog.text
    assert "saved_model.pb is missing or changed" in said and "exporting it again" in said
    assert stamp(done) > trained and {row["model"] for row in rows} == {NAME}


def test_a_deleted_checkpoint_costs_its_run(tmp_path, monkeypatch, caplog):
    from keras_selectivity.training import RunCheckpoint

    original = RunCheckpoint.on_epoch_end

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunCheckpoint, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        again(tmp_path)
    monkeypatch.setattr(RunCheckpoint, "on_epoch_end", original)
    (status,) = RunsFolder(tmp_path / "runs").status(make_study(CONTENT))
    assert (status["state"], status["epochs"], status["of"]) == ("interrupted", 1, 2)
    (tmp_path / "runs" / NAME / "checkpoints" / "epoch-0001.keras").unlink()
    assert again(tmp_path)
    assert "names epoch-0001.keras, which is missing" in caplog.text


def test_a_failed_run_is_noted_and_the_others_go_on(tmp_path):
    content = {**changed("run", epochs=1), "grid": {"alphas": [-1, 0], "seeds": [0]}}
    study, folder = make_study(content), RunsFolder(tmp_path / "runs")
    (tmp_path / "runs" / NAME).mkdir(parents=True)
    (tmp_path / "runs" / NAME / "config.json").write_text('{"alpha": 7}')  # of another run
    rows = again(tmp_path, content)
    states = {row["name"]: row for row in folder.status(study)}
    assert states[NAME]["state"] == "failed"
    assert "belongs to a run with another" in states[NAME]["reason"]
    measured = [row for row in rows if row["value"] is not None]
    assert {row["model"] for row in measured} == {"alpha+0_seed0"}
    assert states["alpha+0_seed0"]["state"] == "done"
    (left,) = [row for row in rows if row["model"] == NAME]
    assert (left["measure"], left["alpha"], left["seed"], left["arm"]) == ("run_failed", -1, 0, "main")
    assert all(left[name] == measured[0][name] for name in ("study", "network", "dataset"))


def test_a_changed_study_is_refused_with_the_difference(done):
    content = changed("run", epochs=1)
    with pytest.raises(ks.InputError, match=r"run\.epochs: 2 before, 1 now[\s\S]*--accept-change"):
        again(done, content)
    assert (done / "runs" / NAME).exists()
    rows = again(done, content, accept_change=True)
    assert (done / "runs" / f"{NAME}.replaced-1" / "model").exists()
    assert {row["epochs"] for row in rows} == {1}
    again(done, {**content, "study": {**content["study"], "title": "another title"}})  # no run depends on it


def test_an_added_measurement_keeps_the_others_and_another_limit_replaces_all(done):
    trained, path = stamp(done), done / "runs" / NAME / "rows"
    first = [row for row in read(path).to_dicts() if row["measure"] == "accuracy" and row["epoch"] is None]
    more = changed("evaluation", units={})
    with pytest.raises(ks.InputError, match=r"evaluation\.units: absent before, \{\} now"):
        again(done, more)
    assert any(row["unit"] is not None for row in again(done, more, accept_change=True))
    assert not list(path.parent.glob("*.replaced-1"))
    other = changed("evaluation", limit=20)
    rows = [
        row
        for row in again(done, other, accept_change=True)
        if row["measure"] == "accuracy" and row["epoch"] is None
    ]
    assert [row["samples"] for row in first] == [50] and [row["samples"] for row in rows] == [20]
    assert (path.parent / "rows.replaced-1").exists() and stamp(done) == trained


def test_a_changed_measurement_is_done_again_and_no_other(done):
    path = done / "runs" / NAME / "rows"
    before = {name: rows_of(read(path), name) for name in ("clean", "jacobian", "")}
    again(done, changed("evaluation", jacobian={"projections": 2}), accept_change=True)
    kept, new = (pl.concat(map(read, sorted(pack.glob("*.parquet")))) for pack in sorted(path.glob("pack-*")))
    assert not rows_of(kept, "jacobian") and 0 < new.height == len(rows_of(new, "jacobian"))
    assert all(rows_of(kept, name) == before[name] for name in ("clean", "")), "measured once"
    assert rows_of(read(path.with_name("rows.replaced-1")), "jacobian") == before["jacobian"]
    left = {**CONTENT, "evaluation": {"limit": 50, "batch_size": 10}}
    again(done, left, accept_change=True)
    assert not rows_of(read(path), "jacobian") and rows_of(read(path), "clean") == before["clean"]
    assert path.with_name("rows.replaced-2").exists()


def by_another_protocol(rows, evaluation):
    """Rows as a version wrote them whose protocol had one setting less."""
    shorter = [
        json.dumps({k: v for k, v in json.loads(row["protocol"]).items() if k != "seed"}, sort_keys=True)
        if evaluation_in(row["protocol"] or "{}") == evaluation
        else row["protocol"]
        for row in rows.to_dicts()
    ]
    return rows.with_columns(protocol=pl.Series(shorter, dtype=pl.String).cast(pl.Categorical))


def test_a_measurement_by_another_protocol_is_done_again_once_the_change_is_accepted(done):
    path, trained = done / "runs" / NAME / "rows", stamp(done)
    now = read(path)
    shutil.rmtree(path)
    Results(path).adopt(by_another_protocol(now, "jacobian"))
    study, folder = make_study(CONTENT), RunsFolder(done / "runs")
    run_study(study, Here(folder, verbose=0), done)
    reason = folder.reason(NAME)
    assert "by another protocol" in reason and "--accept-change" in reason and "--overwrite" not in reason
    again(done, accept_change=True)
    assert not RunsFolder(done / "runs").reason(NAME) and stamp(done) == trained
    assert rows_of(read(path), "jacobian") == rows_of(now, "jacobian")
    assert {text for text in read(path)["protocol"]} == {text for text in now["protocol"]}
    packs = sorted(read(pack / "rows.parquet").height for pack in path.glob("pack-*"))
    assert packs == sorted([len(rows_of(now, "jacobian")), now.height - len(rows_of(now, "jacobian"))]), (
        "no other"
    )
    # What was accepted then is no reason for later.
    shutil.rmtree(path)
    Results(path).adopt(by_another_protocol(now, "clean"))
    again(done)
    assert "--accept-change" in RunsFolder(done / "runs").reason(NAME)


def rows_of(table, evaluation):
    """Rows of an evaluation; of no evaluation, the history of the training."""
    return [row for row in table.to_dicts() if evaluation_in(row["protocol"] or "{}") == evaluation]


def test_another_version_of_the_package_is_refused(done):
    path = done / "runs" / "_state" / "study.json"
    write_json(path, {"content": CONTENT, "version": "0.0.1"})
    with pytest.raises(ks.InputError, match=r"keras_selectivity: 0\.0\.1 before"):
        again(done)


def test_a_node_with_another_version_is_refused(tmp_path):
    from keras_selectivity.studies.engines._ray import _task

    with pytest.raises(ks.InputError, match=r"the study was started with 0\.0\.1. Install the same version"):
        _task(CONTENT, tmp_path / "runs", NAME, {}, "0.0.1")
    assert not (tmp_path / "runs").exists()


def test_unknown_runs_are_refused(done):
    with pytest.raises(ks.InputError, match=r"no run 'beta' in the study. Its runs are alpha-1_seed0"):
        again(done, only=["beta"])


def test_status_knows_who_works(done):
    study, folder = make_study(CONTENT), RunsFolder(done / "runs")
    assert folder.status(study)[0]["state"] == "done"
    with folder.lock(NAME):
        assert folder.status(study)[0]["state"] == "running"


def test_a_running_run_has_the_speed_of_its_session(tmp_path, monkeypatch):
    from keras_selectivity.studies import _runs_folder

    study, folder, now, epochs = make_study(CONTENT), RunsFolder(tmp_path), [1000.0], [1]
    progress = lambda path: {"epochs": epochs[0], "history": {"val_accuracy": [0.25]}}  # noqa: E731
    monkeypatch.setattr(_runs_folder.time, "time", lambda: now[0])
    monkeypatch.setattr(_runs_folder, "progress_of", progress)
    folder.register(study)
    folder.begin(NAME)  # after one epoch of an earlier session
    with folder.lock(NAME):
        assert folder.status(study)[0]["seconds_per_epoch"] is None
        now[0], epochs[0] = 1030.0, 3
        status = folder.status(study)[0]
    assert (status["seconds_per_epoch"], status["val_accuracy"], status["epochs"]) == (15.0, 0.25, 3)


def test_time_left_is_that_at_the_median_speed():
    rows = [
        {"state": "done", "seconds_per_epoch": 10.0, "epochs": 2, "of": 2},
        {"state": "running", "seconds_per_epoch": None, "epochs": 1, "of": 2},
        {"state": "running", "seconds_per_epoch": None, "epochs": 0, "of": 2},
        {"state": "waiting", "seconds_per_epoch": None, "epochs": 0, "of": 2},
    ]
    assert time_left(rows) == 10 * 5 / 2 and time_left(rows[1:]) is None


@pytest.mark.slow
def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path):
    # No file may grow beyond 200 kB: checkpoints of the network are larger.
    limit, content = 200_000, changed("run", network="resnet8")
    arguments = command(tmp_path, content)
    full = run(arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert full.returncode == 1 and "File too large" in full.stderr, full.stderr[-2000:]
    (status,) = RunsFolder(tmp_path / "runs").status(make_study(content))
    assert status["state"] == "failed" and "File too large" in status["reason"]
    assert run(arguments).returncode == 0
    assert read(tmp_path / "results.parquet").to_dicts()


@pytest.mark.slow
def test_killed_between_any_two_files_a_study_ends_with_the_same_rows(tmp_path):
    content = changed("run", deterministic=True)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert run(command(whole, content)).returncode == 0
    seen = tmp_path / "seen"
    worker = [sys.executable, str(Path(__file__).with_name("killed_worker.py")), str(seen)]
    assert run([*worker, *command(killed, content)[3:]]).returncode == 0
    visited = set(seen.read_text().splitlines())
    assert visited >= {
        "study.json", "config.json", "epoch-0001.keras", "progress.json", "epoch-0002.keras", "run.keras", "model",
        "rows.parquet", "pack-0001", f"{NAME}.json", "results.parquet",
    }  # fmt: skip
    rows = [read(folder / "results.parquet").to_dicts() for folder in (killed, whole)]
    assert content_of(rows[0]) == content_of(rows[1]) and len(rows[0]) > 20
    files = [
        sorted(p.relative_to(f) for p in f.rglob("*") if "variables" not in p.parts) for f in (killed, whole)
    ]
    assert files[0] == files[1], "nothing half-written is left"


@pytest.mark.slow
def test_every_network_is_attacked_with_images_of_another(tmp_path):
    """Those of the main arm's network with alpha = 0 and its seed, and for that one of another seed's."""
    content = {
        **changed("run", epochs=1, milestones=[]),
        "grid": {"alphas": [-1, 0], "seeds": [0, 1]},
        "arms": [{"name": "warm", "alphas": [0], "warmup_epochs": 1}],
        "evaluation": {"limit": 20, "masking": {}},
    }
    rows = read(run_study(make_study(content), Here(tmp_path / "runs", verbose=0), tmp_path))
    found = {}
    for row in rows.filter(pl.col("perturbation") == "transfer").iter_rows(named=True):
        found.setdefault((row["arm"], row["model"], row["other"]), {})[row["measure"]] = row["value"]
    zero = ["alpha+0_seed0", "alpha+0_seed1"]
    assert set(found) == {
        ("main", zero[0], zero[1]), ("main", zero[1], zero[0]),
        *(("main", f"alpha-1_seed{s}", zero[s]) for s in range(2)),
        *(("warm", f"warm_alpha+0_seed{s}", zero[s]) for s in range(2)),
    }  # fmt: skip
    test = datasets.subset(datasets.load("shapes").test, 20, seed=0)
    for (_, model, other), values in found.items():
        network, source = (ks.load(tmp_path / "runs" / name / "model") for name in (model, other))
        images = robustness.transfer_images(source, *test, verbose=0)
        share = robustness.accuracy(network, images, test.labels, perturbed=True, verbose=0)
        whole = robustness.gradient_masking(network, *test, transferred=images, verbose=0)
        assert values == {"transfer_accuracy": share, "masking_warnings": len(whole.warnings)}
    for arm, count in (("main", 4), ("warm", 2)):
        for measure in ("zero_gradients", "single_step_accuracy", "random_start_accuracy", "transfer_accuracy",
                        "masking_warnings"):  # fmt: skip
            picked = pick(rows, measure, arm=arm, evaluation="masking")
            assert picked.height == count, "one protocol, a value for every network"
    warned = dict(pick(rows, "masking_warnings").select("model", "value").iter_rows())
    assert warned == {model: values["masking_warnings"] for (_, model, _), values in found.items()}
    assert again(tmp_path, content) == rows.to_dicts()


@pytest.mark.slow
def test_two_runners_share_a_study(tmp_path):
    content = {**changed("evaluation", pwcca={}), "grid": {"alphas": [-1, 0], "seeds": [0]}}
    arguments = command(tmp_path, content)
    both = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=500) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    trained = "".join(out for out, _ in said).count("epoch 1/2")
    assert trained == 2, "each run is trained once"
    rows = read(tmp_path / "results.parquet").to_dicts()
    assert len({row["model"] for row in rows}) == 2
    assert {row["other"] for row in rows if row["measure"] == "pwcca_distance"} == {"alpha-1_seed0"}


def children_of(pid):
    """Processes whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_process_that_started_them(tmp_path, how):
    content = {**CONTENT, "grid": {"alphas": [-1, 0], "seeds": [0]}}
    parent = subprocess.Popen(command(tmp_path, content, "--workers", "2"), stdout=subprocess.DEVNULL)
    while len(children := children_of(parent.pid)) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(how)
    assert parent.wait(timeout=300) in (-how, 130)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(child)
            assert select.select([descriptor], [], [], 120)[0], "a worker goes on"


@pytest.mark.slow
def test_worker_processes_finish_a_study_though_one_is_killed(tmp_path, monkeypatch, capsys):
    content = {**CONTENT, "grid": {"alphas": [-1, 0], "seeds": [0]}}
    study, folder = make_study(content), RunsFolder(tmp_path / "runs")

    pause = Pause(tmp_path / "pause", f"{NAME}/checkpoints/epoch-0002.keras")
    for name, value in pause.environment.items():
        monkeypatch.setenv(name, value)

    def kill():
        (process,) = pause.wait()
        pause.release()
        os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    rows = again(tmp_path, content, functools.partial(Processes, workers=2))
    killer.join(timeout=60)
    assert not killer.is_alive(), "the process was never killed"
    assert f"{NAME}: its process was killed by signal 9" in capsys.readouterr().out
    assert {row["model"] for row in rows} == set(study.runs)
    assert {row["state"] for row in folder.status(study)} == {"done"}


@pytest.mark.slow
def test_a_ray_cluster_finishes_a_study_though_a_node_dies(tmp_path, monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    content = {**CONTENT, "grid": {"alphas": [-1, 0], "seeds": [0]}}
    study, folder = make_study(content), RunsFolder(tmp_path / "runs")
    pause = Pause(tmp_path / "pause", "checkpoints/epoch-0002.keras")
    with monkeypatch.context() as patched:  # the nodes hand it to their workers
        for name, value in {**pause.environment, "RAY_worker_niceness": "0"}.items():
            patched.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        second = cluster.add_node(num_cpus=1)

    def kill():
        # Once both nodes train, so that the one that goes takes a run with it.
        pause.wait(count=2)
        cluster.remove_node(second, allow_graceful=False)
        pause.release()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        rows = again(tmp_path, content, functools.partial(Ray, address=cluster.address))
        killer.join(timeout=60)
        assert not killer.is_alive(), "the node was never killed"
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert {row["state"] for row in folder.status(study)} == {"done"}
    models = [row["model"] for row in rows if row["measure"] == "accuracy" and row["epoch"] is None]
    assert sorted(models) == sorted(study.runs), "no run is lost or done twice"


def listening(pid):
    """Addresses of the TCP sockets on which a process listens."""
    own = set()
    with contextlib.suppress(OSError):
        own = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                # In words of four bytes, each backwards; IPv4 is the last word of an address of IPv6.
                yield ".".join(map(str, bytes.fromhex(words[1].partition(":")[0])[-4:][::-1]))


@pytest.mark.slow
def test_a_ray_cluster_of_this_machine_alone_listens_to_nobody_else(tmp_path):
    arguments = command(tmp_path, changed("run", epochs=1), "--ray")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if "runs on 1 Ray nodes" in line:
            break
    family = [process.pid]
    for pid in family:
        family += children_of(pid)
    addresses = {address for pid in family for address in listening(pid)}
    said.append(process.communicate(timeout=500)[0])
    assert process.returncode == 0, said
    assert addresses == {"127.0.0.1"}
