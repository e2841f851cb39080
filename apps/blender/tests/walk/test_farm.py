# SPDX-License-Identifier: MIT OR Apache-2.0
"""render.farm and `kapelle render`: frames shared among workers, whatever is killed, and nothing rendered twice."""

import json
import os
import signal

import pytest
from hubs import Hub, is_alive, wait_until
from pictures import decode

pytestmark = pytest.mark.one_blender

TINY = {"width": 32, "height": 24, "engine": "cycles", "samples": 1}
# A frame of some tenths of a second, so that something can happen in its middle.
SLOW = {"width": 160, "height": 120, "engine": "cycles", "samples": 80}

MAKE = """
import bpy
scene = bpy.context.scene
scene.frame_start, scene.frame_end = 1, 6
scene.cycles.use_adaptive_sampling = False
cube = bpy.data.objects["Cube"]
cube.keyframe_insert("location", frame=1)
cube.location.x = 4
cube.keyframe_insert("location", frame=6)
bpy.ops.wm.save_as_mainfile(filepath=%(shot)r)
bpy.data.images.load(%(image)r).use_fake_user = True
bpy.data.fonts.load(%(font)r).use_fake_user = True
bpy.ops.wm.save_as_mainfile(filepath=%(needy)r)
bpy.ops.wm.open_mainfile(filepath=%(shot)r)
bpy.data.objects.remove(bpy.data.objects["Camera"])
bpy.ops.wm.save_as_mainfile(filepath=%(blind)r)
bpy.ops.wm.open_mainfile(filepath=%(shot)r)
text = bpy.data.texts.new("poison.py")
text.use_module = True
text.write(%(poison)r)
bpy.ops.wm.save_as_mainfile(filepath=%(poisoned)r)
text.clear()
text.write(%(moods)r)
bpy.ops.wm.save_as_mainfile(filepath=%(moody)r)
"""

# Frame 2 ends its process, frame 5 never ends.
POISON = """
import bpy, os, time

def poison(scene, *args):
    if scene.frame_current == 2:
        os._exit(9)
    if scene.frame_current == 5:
        time.sleep(600)

bpy.app.handlers.frame_change_post.append(poison)
"""

# The first time that frame 2 is rendered it takes memory; the first time that frame 5 is, it stands still.
MOODS = """
import bpy, os, time

def is_first(frame):
    try:
        os.close(os.open(bpy.data.filepath + ".%%d" %% frame, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def mood(scene, *args):
    if scene.frame_current == 2 and is_first(2):
        held = b"x" * %d
        time.sleep(600)
    if scene.frame_current == 5 and is_first(5):
        time.sleep(600)

bpy.app.handlers.frame_change_post.append(mood)
"""
# What a worker may hold, in MB, well above a Blender with a cube; and what the frame takes, in bytes.
MEMORY_MB = 1200
HELD_BYTES = 1_300_000_000

ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
FIND_FONT = """
import os
[os.path.join(d, f) for top in (bpy.utils.system_resource("DATAFILES"), "/usr/share/fonts")
 for d, _, fs in os.walk(top or "") for f in fs if f.endswith((".ttf", ".woff2", ".pfb", ".otf"))][:1]
"""


@pytest.fixture(scope="module")
def farm(program, binary, tmp_path_factory):
    """A hub that starts this program when nobody names one, and files to render."""
    folder = tmp_path_factory.mktemp("farm")
    path = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not os.path.exists(p + "/ffmpeg"))
    with Hub(binary, folder / "home", {"KAPELLE_BLENDER": program.path, "PATH": path}) as hub:
        hub.start(program, "maker")
        image, font = folder / "wood.png", folder / "letters.ttf"
        image.write_bytes(ONE_PIXEL)
        found = hub.http.eval(FIND_FONT)
        assert found, "a font is needed"
        font.write_bytes(open(found[0], "rb").read())
        names = {name: str(folder / (name + ".blend")) for name in ("shot", "needy", "blind", "poisoned", "moody")}
        texts = {"poison": POISON, "moods": MOODS % HELD_BYTES}
        hub.http.eval(MAKE % dict(names, **texts, image=str(image), font=str(font)))
        assert hub.http.request("DELETE", "/v1/instances/maker").status == 200
        image.unlink()
        font.unlink()
        hub.folder = folder
        yield hub


def render(farm, file, *words, code=0):
    """`kapelle render`; the value of the call, or its problem."""
    told = farm.document("render", farm.folder / (file + ".blend"), *words, code=code)
    return told["value"] if code == 0 else told.get("problem") or told


def tiny(out):
    return ["--out", out, "--width", "32", "--height", "24", "--engine", "cycles", "--samples", "1"]


def ask(farm, out, **args):
    """A farm that is not waited for; its call's id."""
    args = dict(SLOW, file=str(farm.folder / "shot.blend"), out=str(out), **args)
    answer = farm.http.ask("render.farm", args, wait=False)
    assert answer.status == 202, answer.body
    return answer.json["call_id"]


def frames_in(out):
    return sorted(one for one in os.listdir(out) if one.startswith("frame_"))


def workers(farm):
    """The pids of workers that are connected."""
    found = farm.http.get("/v1/instances")["instances"]
    return [one["pid"] for one in found if one.get("reserved_for") and one["state"] in ("idle", "busy")]


def at_work(farm, call_id, frames):
    """Waits until so many frames are there and two workers render."""

    def look():
        call = farm.http.look(call_id)
        assert call["status"] == "running", call
        details = (call.get("progress") or {}).get("details") or {}
        busy = [one for one in details.get("workers", ()) if one["state"] == "rendering"]
        return details.get("done", 0) >= frames and len(busy) == 2

    wait_until(look, 90, "the work of two workers")


def test_frames_are_shared_and_a_second_run_needs_no_blender(farm, tmp_path):
    out = tmp_path / "shared"
    told = render(farm, "shot", *tiny(out), "--workers", "2", "--chunk", "1", "--film")
    assert (told["frames"], told["rendered"], told["skipped"], told["failed"]) == (6, 6, 0, [])
    assert frames_in(out) == ["frame_%04d.png" % n for n in range(1, 7)]
    first, last = (decode((out / name).read_bytes()) for name in ("frame_0001.png", "frame_0006.png"))
    assert (first.width, first.height) == (32, 24) and first.shades() > 5
    assert (out / "frame_0001.png").read_bytes() != (out / "frame_0006.png").read_bytes(), "the cube moves"
    assert decode((out / "sheet.png").read_bytes()).width == 1920
    assert (out / "film.mp4").read_bytes()[4:8] == b"ftyp"
    report = json.loads((out / "kapelle-render.json").read_text())
    assert report["finished"] and len(report["frames"]) == 6
    assert {one["worker"] for one in report["frames"].values()} <= {told_name(out, n) for n in (1, 2)}
    assert all(one["seconds"] > 0 for one in report["frames"].values())
    assert workers(farm) == [], "the workers are gone"
    logs = sorted(os.listdir(farm.home / "logs"))
    again = render(farm, "shot", *tiny(out))
    assert (again["rendered"], again["skipped"]) == (0, 6)
    assert sorted(os.listdir(farm.home / "logs")) == logs, "no Blender was started"
    assert last.width == 32


def told_name(out, number):
    """The name of a worker, as the report has it."""
    report = json.loads((out / "kapelle-render.json").read_text())
    mark = next(iter(report["frames"].values()))["worker"].rpartition("-")[0]
    return "%s-%d" % (mark, number)


def test_what_is_there_is_skipped_refused_or_rendered_again(farm, tmp_path):
    out = tmp_path / "there"
    render(farm, "shot", *tiny(out), "--frames", "1-3", "--no-sheet", "--workers", "1")
    kept = os.stat(out / "frame_0001.png").st_mtime_ns
    (out / "frame_0002.png").unlink()
    (out / "frame_0003.png").write_bytes(b"\x89PNG half of it")
    told = render(farm, "shot", *tiny(out), "--frames", "1-3", "--no-sheet")
    assert (told["rendered"], told["skipped"]) == (2, 1), "one was gone and one was not whole"
    assert os.stat(out / "frame_0001.png").st_mtime_ns == kept
    other = [*tiny(out)[:-1], "2", "--frames", "1-3", "--no-sheet"]
    problem = render(farm, "shot", *other, code=1)
    assert problem["code"] == "file_exists" and "1-3" in problem["message"] and "--overwrite" in problem["hint"]
    told = render(farm, "shot", *other, "--overwrite")
    assert (told["rendered"], told["skipped"]) == (3, 0)
    assert os.stat(out / "frame_0001.png").st_mtime_ns > kept
    told = render(farm, "shot", *tiny(out), "--frames", "1-3", "--no-sheet", "--skip")
    assert told["rendered"] == 0


def test_a_worker_that_is_killed_is_replaced(farm, tmp_path):
    out = tmp_path / "killed"
    call_id = ask(farm, out, workers=2, frames="1-6", sheet=False)
    at_work(farm, call_id, 1)
    os.kill(workers(farm)[0], signal.SIGKILL)
    call = farm.http.end(call_id, 150)
    assert call["status"] == "succeeded", call
    told = call["value"]
    assert (told["rendered"], told["failed"], told["replaced"]) == (6, [], 1), told
    assert len(frames_in(out)) == 6 and told["retried"][0]["failed"] == 1
    assert any("Replacing worker" in one["text"] for one in call["output"]["logs"])
    call = farm.http.end(ask(farm, out, workers=2, frames="1-6", sheet=False), 150)
    told = call["value"]
    assert (told["rendered"], told["skipped"], told["retried"]) == (0, 6, []), "nothing was tried again now"


def logged(call):
    return " ".join(one["text"] for one in call["output"]["logs"])


def test_a_worker_that_takes_too_much_memory_is_replaced(farm, tmp_path):
    out = tmp_path / "memory"
    words = [*tiny(out), "--scripts", "--workers", "1", "--frames", "1-3", "--no-sheet", "--memory", "%dMB" % MEMORY_MB]
    call = farm.document("render", farm.folder / "moody.blend", *words)
    told = call["value"]
    assert (told["rendered"], told["failed"], told["replaced"]) == (3, [], 1), call
    assert told["retried"] == [{"frame": 2, "failed": 1}]
    assert "%d MB" % MEMORY_MB in logged(call) and "Replacing worker" in logged(call), call["output"]
    assert frames_in(out) == ["frame_%04d.png" % n for n in (1, 2, 3)]


def test_a_worker_without_progress_is_replaced(farm, tmp_path):
    out = tmp_path / "stalled"
    words = [*tiny(out), "--scripts", "--workers", "1", "--frames", "4-6", "--no-sheet", "--stall-timeout", "8s"]
    call = farm.document("render", farm.folder / "moody.blend", *words)
    told = call["value"]
    assert (told["rendered"], told["failed"]) == (3, []) and told["replaced"] >= 1, call
    assert {"frame": 5, "failed": 1} in told["retried"]
    assert "no progress for 8 s" in logged(call), call["output"]


def test_a_worker_without_a_sign_of_life_is_replaced(farm, tmp_path):
    out = tmp_path / "silent"
    call_id = ask(farm, out, workers=2, frames="1-6", sheet=False, silence_timeout_s=6)
    at_work(farm, call_id, 1)
    stopped = workers(farm)[0]
    os.kill(stopped, signal.SIGSTOP)
    call = farm.http.end(call_id, 150)
    assert call["status"] == "succeeded", call
    told = call["value"]
    # On a busy machine a worker that lives may be that silent too.
    assert (told["rendered"], told["failed"]) == (6, []) and told["replaced"] >= 1, told
    assert "no sign of life for 6 s" in logged(call), call["output"]
    assert not is_alive(stopped) and len(frames_in(out)) == 6


def test_a_cancel_ends_all_workers_and_keeps_what_is_finished(farm, tmp_path):
    out = tmp_path / "cancelled"
    call_id = ask(farm, out, workers=2, frames="1-400", sheet=False)
    at_work(farm, call_id, 2)
    pids = workers(farm)
    assert len(pids) == 2
    told = farm.http.cancel(call_id)
    told = farm.http.end(call_id, 20)
    assert told["status"] == "cancelled" and "frames are finished" in told["problem"]["message"], told
    assert not any(is_alive(pid) for pid in pids) and workers(farm) == []
    calls = farm.http.get("/v1/calls?limit=100")["calls"]
    children = [one for one in calls if one.get("parent_id") == call_id and one["command"] == "render.frames"]
    ended = [one for one in children if one["status"] == "cancelled"]
    assert ended and all(one["duration_ms"] > 0 for one in ended), children
    assert not [one for one in children if one["status"] not in ("cancelled", "succeeded")], children
    assert "A worker ended" not in logged(told), told["output"]
    there = frames_in(out)
    assert len(there) >= 2 and all((out / one).read_bytes().endswith(b"IEND\xaeB`\x82") for one in there)


def test_missing_files_and_fonts_are_told_before_the_first_frame(farm, tmp_path):
    out = tmp_path / "missing"
    problem = render(farm, "needy", *tiny(out), code=1)
    assert problem["code"] == "file_not_found" and frames_in(out) == []
    assert "wood.png" in problem["message"] and "letters.ttf" in problem["message"]
    assert {one["kind"] for one in problem["details"]["missing"]} == {"image", "font"}
    told = render(farm, "needy", *tiny(out), "--frames", "1", "--ignore-missing", "--no-sheet")
    assert told["rendered"] == 1


def test_plain_errors_before_any_worker_renders(farm, tmp_path):
    out = tmp_path / "errors"
    assert "camera" in render(farm, "blind", *tiny(out), code=1)["message"]
    assert render(farm, "shot", *tiny(out), "--scene", "Nowhere", code=1)["code"] == "not_found"
    assert frames_in(out) == []
    assert render(farm, "nothing", *tiny(out), code=1)["code"] == "file_not_found"
    problem = render(farm, "shot", *tiny(out), "--frames", "9-1", code=2)
    assert problem["code"] == "arguments_invalid" and "1-250x5" in problem["hint"]
    refused = farm.http.ask("render.farm", {"file": "/x.blend", "engine": "nonsense"})
    assert "cycles" in refused.problem(400, "arguments_invalid")["hint"] + refused.json["message"]


def test_a_caller_without_code_stays_in_its_folders(farm, tmp_path):
    caller = farm.caller("renderer", "read", "write")
    told = caller.call("render.farm", dict(TINY, file=str(farm.folder / "shot.blend"), out=str(tmp_path)))
    assert told["problem"]["code"] == "path_refused"
    told = caller.call("render.farm", dict(TINY, file=str(farm.folder / "shot.blend"), scripts=True))
    assert told["problem"]["code"] in ("forbidden", "path_refused")


def test_a_frame_that_ends_workers_is_named_and_the_others_go_on(farm, tmp_path):
    out = tmp_path / "poisoned"
    words = [*tiny(out), "--scripts", "--workers", "2", "--no-sheet", "--frame-timeout", "4s"]
    done = farm.kapelle("render", farm.folder / "poisoned.blend", *words, "--json")
    assert done.code == 1, done
    call = done.json
    assert call["status"] == "failed" and "2 of 6 frames" in call["problem"]["message"], call
    failed = {one["frame"]: one for one in call["value"]["failed"]}
    assert sorted(failed) == [2, 5] and all(one["tries"] == 3 for one in failed.values())
    assert "longer than 4 s" in failed[5]["why"]
    assert frames_in(out) == ["frame_%04d.png" % n for n in (1, 3, 4, 6)]
    assert call["value"]["replaced"] == 6 and workers(farm) == []


def test_everything_goes_on_after_the_hub_was_killed(farm, tmp_path):
    out = tmp_path / "hub"
    words = ["--out", out, "--width", "160", "--height", "120", "--engine", "cycles", "--samples", "80"]
    words = [str(one) for one in [*words, "--frames", "1-8", "--workers", "2", "--no-sheet"]]
    leaving = farm.popen("render", str(farm.folder / "shot.blend"), *words)
    try:
        wait_until(lambda: out.exists() and len(frames_in(out)) >= 2, 90, "the first frames")
        farm.kill()
        _out, said = leaving.communicate(timeout=30)
    finally:
        leaving.kill()
    assert leaving.returncode == 3 and b"resumes as soon as a hub is running" in said, said
    there = {name: os.stat(out / name).st_mtime_ns for name in frames_in(out)}
    assert 2 <= len(there) < 8
    farm.serve()
    told = render(farm, "shot", *words)
    assert told["frames"] == 8 and told["rendered"] + told["skipped"] == 8 and told["skipped"] >= len(there)
    now = {name: os.stat(out / name).st_mtime_ns for name in frames_in(out)}
    assert len(now) == 8 and all(now[name] == at for name, at in there.items()), "none was rendered twice"
    assert not [one for one in os.listdir(out) if one.endswith(".part")]
    assert workers(farm) == []
    job = farm.http.get("/v1/jobs?limit=1")["jobs"][0]
    assert (job["command"], job["status"], job["attempt"]) == ("render.farm", "succeeded", 2), (
        "it was watched, not asked"
    )
