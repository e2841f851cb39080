# SPDX-License-Identifier: MIT OR Apache-2.0
"""Instances that the system keeps to the allowed folders: what they cannot reach by any way, and that all else goes on."""

import json
import socket
import sys
from pathlib import Path

import pytest
from hubs import Hub, is_alive, wait_until

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS.parent))

from bridgekit import handshake  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")

# Each way to a file that code has; what it gives, or the name of what refused it.
READ = """
import ctypes, os, shutil, subprocess

def by(way):
    try:
        return way()
    except BaseException as error:
        return type(error).__name__

path = %r
copy = os.path.join(os.environ["HOME"], "copy")
found = {
    "open": by(lambda: open(path).read()),
    "child": by(lambda: subprocess.run(["cat", path], capture_output=True, text=True).stdout),
    "copy": by(lambda: shutil.copy(path, copy) and open(copy).read()),
    "hard link": by(lambda: os.link(path, copy) or open(copy).read()),
    "symbolic link": by(lambda: os.symlink(path, copy + ".l") or open(copy + ".l").read()),
    "own root": by(lambda: open("/proc/self/root" + path).read()),
    "text": by(lambda: bpy.data.texts.load(path).as_string()),
    "list": by(lambda: os.listdir(os.path.dirname(path))),
}
found
"""


@pytest.fixture(scope="module")
def stage(program, binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("confined")
    for name in ("project", "other"):
        (folder / name).mkdir()
    (folder / "other" / "secret.txt").write_text("kept from everybody")
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("[files]\nroots = [%s]\n" % json.dumps(str(folder / "project")))
    with Hub(binary, home) as made:
        made.program, made.folder = program, folder
        view = made.start(program, "stage", confined=True)
        assert (view["confined"], view["confinement"]) == (True, None), view
        yield made


@pytest.mark.every_blender
def test_nothing_outside_is_read_by_any_way(stage):
    token = (stage.home / "tokens" / "owner").read_text().strip()
    (stage.home / "logs" / "other.log").write_text("not for it")
    for path in (
        stage.home / "tokens" / "owner",
        stage.home / "tokens" / "bridge",
        stage.home / "run" / "hub.json",
        stage.home / "run" / "instances" / "stage.json",
        stage.home / "logs" / "other.log",
        stage.home / "config.toml",
        stage.folder / "other" / "secret.txt",
        Path("/etc/passwd"),
        Path("/proc/%d/environ" % stage.process.pid),
        *(stage.home / "store").iterdir(),
        *(stage.home / "run" / "confined").glob("*.link"),
    ):
        found = stage.http.eval(READ % str(path))
        for way, what in found.items():
            assert what == "" or (isinstance(what, str) and what.endswith(("Error", "Interrupt"))), (path, way, what)
    assert token not in json.dumps(stage.http.eval("dict(__import__('os').environ)"))


@pytest.mark.one_blender
def test_nothing_outside_is_written_and_no_program_of_others_is_changed(stage):
    source = """
import os
bad = []
for path in %r:
    try:
        open(path, "a").close()
        bad.append(path)
    except OSError:
        pass
try:
    os.symlink("/etc", %r)
    bad.append("a link")
except OSError:
    pass
bad
"""
    bridge = next((stage.home / "bridges").glob("*/*/boot.py"))
    paths = [
        stage.home / "new",
        stage.home / "config.toml",
        stage.home / "tokens" / "new",
        stage.home / "recovery" / "another",
        stage.folder / "other" / "new",
        bridge,
        bridge.parent / "__pycache__" / "new.pyc",
        "/tmp/kapelle-confined-test",
        "/usr/new",
    ]
    link = stage.folder / "project" / "link"
    assert stage.http.eval(source % ([str(path) for path in paths], str(link))) == []
    token = stage.home / "tokens" / "owner"
    stage.http.eval("import os\nos.chmod(%r, 0o666)" % str(token))
    assert token.stat().st_mode & 0o777 == 0o600
    copied = "import shutil\nshutil.copy(%r, %r)" % (str(bridge), str(stage.folder / "project" / "copied"))
    assert stage.http.eval(copied) and (stage.folder / "project" / "copied").is_file()


@pytest.mark.one_blender
def test_it_reaches_no_other_server_no_session_and_no_other_process(stage):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = """
import ctypes, os, signal, socket
def clone():
    new_user, clone = 0x10000000, {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    made = ctypes.CDLL(None, use_errno=True).syscall(clone, new_user | signal.SIGCHLD, 0, 0, 0, 0)
    if made == 0:
        os._exit(0)
    if made < 0:
        raise OSError(ctypes.get_errno(), "clone")
def by(way):
    try:
        way()
        return "reached"
    except OSError:
        return "refused"
hub = %d
{
    "another port": by(lambda: socket.create_connection(("127.0.0.1", %d), 2)),
    "the hub's HTTP": by(lambda: socket.create_connection(("127.0.0.1", %d), 2)),
    "a socket of the session": by(lambda: socket.socket(socket.AF_UNIX)),
    "a datagram": by(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "its own server": by(lambda: socket.create_server(("127.0.0.1", 0))),
    "a signal": by(lambda: os.kill(hub, 0)),
    "TCP by another name": by(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)),
    "another's processors": by(lambda: os.sched_setaffinity(hub, {0})),
    "another's turns": by(lambda: os.setpriority(os.PRIO_PROCESS, hub, 19)),
    "another's kind of turns": by(lambda: os.sched_setscheduler(hub, os.SCHED_IDLE, os.sched_param(0))),
    "the machine's name": by(lambda: socket.sethostname(socket.gethostname())),
    "a world of its own": by(clone),
}
"""
        port = int(stage.url.rpartition(":")[2])
        found = stage.http.eval(source % (stage.process.pid, listener.getsockname()[1], port))
        assert set(found.values()) == {"refused"}, found
    secret = stage.home / "tokens" / "owner"
    before = secret.stat().st_mtime_ns
    stage.http.request("POST", "/v1/calls", {"app": "blender", "command": "code.run", "args": {
        "code": "import os\nos.utime(%r, (5, 5))" % str(secret)
    }})  # fmt: skip
    assert secret.stat().st_mtime_ns == before


@pytest.mark.every_blender
def test_it_works_where_it_may(stage):
    http = stage.http
    http.run("file.new")
    http.run("object.create", kind="cube", name="Before")
    saved = http.run("file.save", path=str(stage.folder / "project" / "scene.blend"))
    assert Path(saved["path"]).is_file()
    model = http.run("file.export", path=str(stage.folder / "project" / "scene.glb"))
    if stage.program.name != "blender":  # Debian's importer does not get on with its numpy
        assert http.run("file.import", path=model["path"])["objects"]
    for engine in ("workbench", "cycles") if stage.program.is_module else ("cycles",):
        told = http.run(
            "render.still", width=32, height=24, engine=engine, **({"samples": 1} if engine == "cycles" else {})
        )
        path = Path(told["path"])
        assert path.is_file() and path.parent == stage.home / "renders", told
    path = str(stage.folder / "project" / "a.png")
    own = http.run("render.still", path=path, width=32, height=24, engine="cycles", samples=1)
    assert Path(own["path"]).is_file()
    http.run("history.undo")
    assert not list((stage.home / "run" / "confined").glob("*/renders/*")), "what a render leaves"


@pytest.mark.one_blender
def test_it_opens_a_file_with_what_lies_beside_it_and_shows_itself(stage, tmp_path):
    folder = tmp_path / "shot"
    folder.mkdir()
    (folder / "beside.txt").write_text("there")
    stage.http.run("file.new", instance="stage")
    stage.http.run("file.save", path="mine.blend", copy=True, instance="stage")
    mine = stage.home / "files" / "mine.blend"
    assert mine.is_file(), "where a relative path leads"
    (folder / "shot.blend").write_bytes(mine.read_bytes())
    stage.start(stage.program, "shot", confined=True, file=str(folder / "shot.blend"))
    assert stage.http.eval("open(%r).read()" % str(folder / "beside.txt"), instance="shot") == "there"
    assert stage.http.eval("bpy.data.filepath", instance="shot") == str(folder / "shot.blend")
    shown = stage.http.run("viewport.screenshot", instance="shot")
    assert Path(shown["path"]).parent == stage.home / "screenshots", shown
    assert stage.http.request("DELETE", "/v1/instances/shot").status == 200
    left = stage.http.get("/v1/instances")["instances"]
    own = [one for one in (stage.home / "run" / "confined").iterdir() if one.is_dir()]
    wait_until(lambda: len(list((stage.home / "run" / "confined").glob("*.link"))) == 1, 20, "the end of its folder")
    assert len([one for one in left if one["confined"]]) == 1, (left, own)


@pytest.mark.one_blender
def test_the_status_says_so(stage):
    assert "confined" in stage.kapelle("status").out
    document = stage.document("status")
    assert document["confinement"] is None and document["instances"][0]["confined"] is True
    plain = stage.start(stage.program, "plain")
    assert plain["confined"] is False and "not asked for" in plain["confinement"]
    answer = stage.http.request("POST", "/v1/instances", {"app": "blender", "name": "plain", "confined": True})
    assert answer.problem(409, "name_taken")
    answer = stage.http.request("POST", "/v1/instances", {"app": "blender", "mode": "gui", "confined": True})
    assert "window" in answer.problem(400, "arguments_invalid")["message"]
    checks = {check["name"]: check for check in stage.document("doctor")["checks"]}
    assert checks["confinement"]["status"] == "ok"


@pytest.mark.one_blender
def test_who_may_not_run_code_gets_confined_ones(new_hub, program, tmp_path):
    hub = new_hub(environment={"KAPELLE_BLENDER": program.path})
    writer = hub.caller("writer", "read", "write")
    answer = writer.request("POST", "/v1/instances", {"app": "blender", "confined": False})
    answer.problem(403, "forbidden")
    answer = writer.request("POST", "/v1/instances", {"app": "blender", "name": "hers"})
    assert answer.status == 201 and answer.json["confined"] is True, answer.body
    scene = writer.run("file.save", path=str(hub.home / "files" / "scene.blend"))["path"]
    # The workers of a farm too; one is looked at while it renders.
    call = writer.ask(
        "render.farm",
        {"file": scene, "frames": "1-2", "width": 320, "height": 240, "engine": "cycles", "samples": 40, "workers": 1},
        wait=False,
    ).json["call_id"]

    def workers():
        views = hub.http.get("/v1/instances")["instances"]
        return [one for one in views if one.get("reserved_for")] or writer.look(call)["status"] == "failed"

    worker = wait_until(workers, 60, "a worker")
    assert worker is not True, writer.look(call)
    assert worker[0]["confined"] is True, worker
    end = writer.end(call, 120)
    assert end["status"] == "succeeded", end


@pytest.mark.one_blender
def test_it_stays_confined_through_a_crash_and_a_restart_of_the_hub(new_hub, program):
    hub = new_hub()
    view = hub.start(program, "stage", confined=True)
    hub.http.run("object.create", kind="cube", name="Kept", instance="stage")
    pid = view["pid"]
    hub.kill()
    assert is_alive(pid)
    hub.serve()
    wait_until(lambda: hub.http.instance("stage")["state"] == "idle", 30, "its return")
    back = hub.http.instance("stage")
    assert (back["pid"], back["confined"], back["restarts"]) == (pid, True, 0)
    assert hub.http.eval("'Kept' in bpy.data.objects", instance="stage") is True
    hub.http.code("import os\nos._exit(9)", instance="stage")
    wait_until(lambda: hub.http.instance("stage")["restarts"] == 1, 60, "its restart")
    wait_until(lambda: hub.http.instance("stage")["state"] == "idle", 60, "its return")
    assert hub.http.instance("stage")["confined"] is True
    found = hub.http.eval(READ % str(hub.home / "tokens" / "owner"), instance="stage")
    assert found["open"] == "PermissionError", found


@pytest.mark.one_blender
def test_what_the_config_no_longer_allows_is_not_open_any_more(new_hub, program, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.txt").write_text("allowed")
    hub = new_hub()
    hub.close()
    (hub.home / "config.toml").write_text("[files]\nroots = [%s]\n" % json.dumps(str(project)))
    hub.serve()
    pid = hub.start(program, "stage", confined=True)["pid"]
    hub.http.run("object.create", kind="cube", name="Kept", instance="stage")
    read = "open(%r).read()" % str(project / "a.txt")
    assert hub.http.eval(read, instance="stage") == "allowed"
    # One that is not confined is told the folders of today.
    open_pid = hub.start(program, "open")["pid"]
    writer = hub.caller("writer", "read", "write")
    save = {"path": str(project / "scene.blend"), "copy": True}
    assert writer.call("file.save", save, instance="open")["status"] == "succeeded"
    hub.kill()
    (hub.home / "config.toml").write_text("")
    hub.serve()
    wait_until(lambda: hub.http.instance("stage")["pid"] != pid, 60, "its restart")
    wait_until(lambda: hub.http.instance("stage")["state"] == "idle", 60, "its return")
    assert hub.http.eval("'Kept' in bpy.data.objects", instance="stage") is True
    assert "PermissionError" in hub.http.code(read, instance="stage")["problem"]["message"]
    told = writer.__class__(hub.url, writer.token).call("file.save", dict(save, overwrite=True), instance="open")
    assert (told["status"], told["problem"]["code"]) == ("failed", "path_refused"), told
    assert hub.http.instance("open")["pid"] == open_pid
    # A hub whose port somebody else has taken: the walls let it dial no other.
    address = json.loads((hub.home / "run" / "hub.json").read_text())["bridge"]
    pid = hub.http.instance("stage")["pid"]
    hub.kill()
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        hub.serve()
        wait_until(lambda: hub.http.instance("stage")["pid"] != pid, 60, "its restart")
        wait_until(lambda: hub.http.instance("stage")["state"] == "idle", 60, "its return")
    assert hub.http.instance("stage")["confined"] is True
    assert hub.http.eval("'Kept' in bpy.data.objects", instance="stage") is True


@pytest.mark.one_blender
def test_the_secret_of_one_is_good_for_nobody_else(new_hub, program):
    hub = new_hub()
    hub.start(program, "one", confined=True)
    hub.start(program, "two", confined=True)
    source = "import json, os\njson.loads(os.pread(int(os.environ['KAPELLE_CONFINED']), 4096, 0))"
    one, two = (hub.http.eval(source, instance=name) for name in ("one", "two"))
    assert one["secret"] != two["secret"]
    # With one's secret as two, as nobody's, and as a bridge that knows the token.
    for launch in (two["launch"], "0" * 32, None):
        with pytest.raises(handshake.Refused):
            shake(one, launch, {"app": "blender", "session": "f" * 32, "mode": "background"})
    with pytest.raises(handshake.Refused, match="not of other"):
        shake(one, one["launch"], {"app": "other", "session": "f" * 32, "mode": "background"})
    # Whatever it says of itself, it is one.
    before = facts(hub, "two")
    said = {"app": "blender", "session": "f" * 32, "mode": "gui", "name": "two", "launch": two["launch"], "pid": 1}
    assert shake(one, one["launch"], said)["instance"] == "one"
    assert facts(hub, "two") == before
    assert hub.http.instance("one")["pid"] != 1


def facts(hub, name):
    told = hub.http.instance(name)
    return {
        key: told[key] for key in ("name", "pid", "mode", "version", "bridge_version", "confined", "restarts", "file")
    }


def shake(told, launch, said):
    host, port = told["bridge"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        return handshake.shake(sock, told["secret"].encode(), lambda: said, launch)[0]


@pytest.mark.one_blender
def test_where_nothing_can_be_confined_it_is_refused_with_the_reason(new_hub, program):
    hub = new_hub(environment={"KAPELLE_CONFINE": "off"})
    body = {"app": "blender", "confined": True, program.key: program.path}
    told = hub.http.request("POST", "/v1/instances", body).problem(400, "not_supported")
    assert "KAPELLE_CONFINE" in told["message"]
    assert hub.http.get("/v1/instances")["instances"] == []
    done = hub.kapelle("start", "blender", "--background", "--confined", program.option, program.path)
    assert done.code != 0 and "cannot be confined" in done.err, done
    view = hub.start(program, "stage")
    assert view["confined"] is False and "KAPELLE_CONFINE" in view["confinement"]
    assert "not confined" in hub.kapelle("status").out
    checks = {check["name"]: check for check in hub.document("doctor")["checks"]}
    assert "not confined" in checks["confinement"]["says"]
    # The launcher itself starts nothing.
    plan = json.dumps({"program": "/bin/echo", "args": ["started"], "folder": str(hub.home), "home": str(hub.home)})
    done = hub.kapelle("confined", stdin=plan.encode() + b"\n")
    assert done.code != 0 and "started" not in done.out and "could not be confined" in done.err, done


# A model whose material has two pictures: one beside it, and one that is a secret.
MODEL = """
import os
from bpy_extras.image_utils import load_image
folder, secret = %r, %r
for one in list(bpy.data.objects):
    bpy.data.objects.remove(one)
bpy.ops.mesh.primitive_cube_add()
cube = bpy.context.object
material = bpy.data.materials.new("Paint")
material.use_nodes = True
cube.data.materials.append(material)
tree = material.node_tree
shader = next(one for one in tree.nodes if one.type == "BSDF_PRINCIPLED")
for name, socket in (("good", "Base Color"), ("bad", "Roughness")):
    image = bpy.data.images.new(name, 2, 2)
    image.filepath_raw = os.path.join(folder, name + ".png")
    image.file_format = "PNG"
    image.save()
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], shader.inputs[socket])
os.remove(os.path.join(folder, "bad.png"))
os.symlink(secret, os.path.join(folder, "bad.png"))
bpy.ops.export_scene.fbx(filepath=os.path.join(folder, "model.fbx"), path_mode="ABSOLUTE")
"""

IMPORT = """
import kapelle_blender.confined_import as confined_import
notes = []
class Call:
    command, cancelled = "file.import", False
    def progress(self, *told): pass
    def on_cancel(self, stop): pass
    def log(self, level, text, source): notes.append(text)
try:
    packed = confined_import.import_packed(Call(), %r, %r, {"as_background_job": False})
    with bpy.data.libraries.load(packed) as (there, here):
        here.objects, here.images = there.objects, there.images
    import os
    os.remove(packed)
    found = {
        "objects": [one.name for one in here.objects],
        "images": [(one.filepath, one.packed_file is not None) for one in here.images],
        "notes": notes,
    }
except Exception as error:
    found = {"error": getattr(error, "code", "") + ": " + str(error)}
found
"""


@pytest.mark.every_blender
def test_a_confined_child_imports_packs_and_reads_nothing_else(new_hub, program, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    hub = new_hub()
    hub.close()
    (hub.home / "config.toml").write_text("[files]\nroots = [%s]\n" % json.dumps(str(project)))
    hub.serve()
    hub.start(program, "open")
    token = hub.home / "tokens" / "owner"
    hub.http.eval(MODEL % (str(project), str(token)))
    found = hub.http.eval(IMPORT % (str(project / "model.fbx"), "fbx"))
    assert "error" not in found and len(found["objects"]) == 1, found
    assert [(Path(path).name, packed) for path, packed in found["images"]] == [("good.png", True)], found
    assert any("bad" in note for note in found["notes"]), found
    # Who may not run code imports by that child; then it is an import like any other.
    writer = hub.caller("writer", "read", "write")
    told = writer.call("file.import", {"path": str(project / "model.fbx")})
    assert told["status"] == "succeeded" and told["value"]["objects"], told
    assert any("bad.png" in record["text"] for record in told["output"]["logs"]), told
    # What it is to read itself is out of its reach: a buffer that is a token.
    size = token.stat().st_size // 12 * 12
    gltf = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": size // 12, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": size}],
        "buffers": [{"uri": "../home/tokens/owner", "byteLength": size}],
    }  # fmt: skip
    (project / "evil.gltf").write_text(json.dumps(gltf))
    found = hub.http.eval(IMPORT % (str(project / "evil.gltf"), "gltf"))
    assert "error" in found, found
    assert list((hub.home / "run" / "renders").iterdir()) == []
    # Without confinement there is no such import.
    hub.close()
    hub.environment["KAPELLE_CONFINE"] = "off"
    hub.serve()
    hub.start(program, "open")
    told = writer.__class__(hub.url, writer.token).call("file.import", {"path": str(project / "model.fbx")})
    assert told["status"] == "failed" and "KAPELLE_CONFINE" in told["problem"]["message"], told
    found = hub.http.eval(IMPORT % (str(project / "model.fbx"), "fbx"))
    assert found["error"].startswith("not_supported") and "KAPELLE_CONFINE" in found["error"], found
