import json

import pytest

from gap_assets.graph import fingerprint
from gap_assets.pipeline.reference_captions import CaptionsFileError, content_hash, read_captions


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"video_id": "v", "caption": "A cat sits."}]),
        '{"video_id": "v", "caption": "A cat sits."}\n\n{"video_id": "w", "caption": "x"}\n',
        '{"video_id": "v", "caption": "A cat sits."}',
        '\ufeff[{"video_id": "v", "caption": " A cat sits. "}]',
        (
            '{"video_id": "v", "caption": "A cat sits."}\r\n'
            '{"video_id": "w", "caption": "x\u2028y\x85z"}'
        ),
    ],
)
def test_json_and_json_lines(tmp_path, text):
    path = tmp_path / "captions.json"
    path.write_text(text, encoding="utf-8")
    first = read_captions(path).row(0, named=True)
    assert (first["video_id"], first["caption"]) == ("v", "A cat sits.")
    assert first["sentences"] == ["A cat sits."]


def test_activitynets_own_layout(tmp_path):
    path = tmp_path / "val_1.json"
    entry = {"duration": 9.5, "timestamps": [[0, 4], [4, 9.5]], "sentences": ["One. ", " Two."]}
    path.write_text(json.dumps({"v_abc": entry}))
    row = read_captions(path).row(0, named=True)
    assert row["caption"] == "One. Two."
    assert row["timestamps"] == [[0.0, 4.0], [4.0, 9.5]]
    assert (row["split"], row["dataset"]) == ("val_1", "ActivityNet Captions")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no json", "neither JSON nor JSON lines"),
        ("[1, 2]", "video_id"),
        ("[" * 100_000, "neither JSON nor JSON lines"),
        ('[{"caption": "nobody\'s"}]', "video_id"),
        ('[{"video_id": "v", "caption": "  "}]', "text"),
        ('{"v": 1}', "neither a list"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(tmp_path, text, reason):
    path = tmp_path / "captions.json"
    path.write_text(text)
    with pytest.raises(CaptionsFileError, match=reason):
        read_captions(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CaptionsFileError, match="cannot be read"):
        read_captions(tmp_path / "nowhere.json")


def test_an_empty_sentence_takes_its_time_with_it(tmp_path):
    path = tmp_path / "captions.json"
    entry = {"timestamps": [[0, 4], [4, 6], [6, 9]], "sentences": ["One.", " ", "Three."]}
    path.write_text(json.dumps({"v": entry, "w": entry | {"timestamps": [[0, 4]]}}))
    paired, unpaired = read_captions(path).to_dicts()
    assert paired["sentences"] == ["One.", "Three."]
    assert paired["timestamps"] == [[0.0, 4.0], [6.0, 9.0]]
    assert unpaired["timestamps"] == [[0.0, 4.0]]


def test_other_times_are_another_content_and_texts_without_times_keep_theirs():
    row = {"caption": "One. Two.", "sentences": ["One.", "Two."], "timestamps": [[0, 1], [1, 2]]}
    hashes = {
        content_hash(row),
        content_hash(row | {"timestamps": [[0, 1], [1, 3]]}),
        content_hash(row | {"sentences": ["One. Two", "."]}),
        content_hash(row | {"timestamps": []}),
    }
    assert len(hashes) == 4
    assert content_hash(row | {"timestamps": []}) == fingerprint("One. Two.")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "count"), [("train_modified", 10009), ("val_1", 4917), ("val_2", 4885)]
)
def test_activitynet_captions_itself(shared, name, count):
    rows = read_captions(shared / "annotations" / "activitynet_captions" / f"{name}.json")
    assert len(rows) == count
    assert rows["caption"].str.len_chars().min() > 0


def test_the_hubs_files_name_their_split_as_the_originals_do(tmp_path):
    record = {"video_id": "v_abc", "video": "v_abc.mp4", "source": "ActivityNet_Captions"}
    record |= {"caption": "One. Two.", "timestamps": [[0, 4]], "sentences": ["One. Two."]}
    path = tmp_path / "activitynet_captions_val1.json"
    path.write_text(json.dumps([record]))
    row = read_captions(path).row(0, named=True)
    assert (row["split"], row["dataset"]) == ("val_1", "ActivityNet Captions")


def test_files_of_a_folder_belong_together_and_the_first_of_an_id_counts(tmp_path):
    for name, ids in {"b.jsonl": ["v", "w"], "a.json": ["u", "v"], "notes.txt": ["x"]}.items():
        lines = [json.dumps({"video_id": video, "caption": f"{video} of {name}"}) for video in ids]
        (tmp_path / name).write_text("\n".join(lines))
    assert dict(read_captions(tmp_path).select("video_id", "caption").iter_rows()) == {
        "u": "u of a.json",
        "v": "v of a.json",
        "w": "w of b.jsonl",
    }


def test_a_folder_without_captions_is_refused(tmp_path):
    with pytest.raises(CaptionsFileError, match="holds no captions"):
        read_captions(tmp_path)


def test_rows_of_a_csv_are_sentences(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text(
        '\ufeffvideo_id, caption,split_of\r\nv,"A cat, which sits.",x\r\nw, It rains. ,y\r\n'
        'v,"Then it ""runs"".\nFar.",x\r\nv,,x\r\n',
        encoding="utf-8",
    )
    v, w = read_captions(path).to_dicts()
    assert v["video_id"] == "v"
    assert v["sentences"] == ["A cat, which sits.", 'Then it "runs".\nFar.']
    assert v["caption"] == 'A cat, which sits. Then it "runs".\nFar.'
    assert (v["timestamps"], v["split"], v["dataset"]) == ([], None, None)
    assert (w["video_id"], w["caption"]) == ("w", "It rains.")


def test_a_csv_says_when_as_json_does(tmp_path):
    timed = {"video_id": "v", "sentences": ["One.", "Two."], "timestamps": [[0, 4], [4.5, 9]]}
    (tmp_path / "a.json").write_text(json.dumps([timed, {"video_id": "w", "caption": "None."}]))
    (tmp_path / "a.csv").write_text(
        "video_id,start,end,caption\nv,0,4,One.\nv,4.5,9,Two.\nw,,,None.\n"
    )
    assert read_captions(tmp_path / "a.csv").equals(read_captions(tmp_path / "a.json"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must name the columns"),
        ("v,A cat.\n", "must name the columns, video_id and caption .*'v,A cat.'"),
        ("video_id;caption\nv;x\n", "'video_id;caption'"),
        ("video_id,caption,caption\n", "must name the columns"),
        ("video_id,caption\nv,A cat, which sits.\n", "line 2 has not as many cells as the first"),
        ("video_id,caption\nv,x\nw\n", "line 3 has not as many cells"),
        ('video_id,caption\nv,"x\n', "after line 1: unexpected end of data"),
        ("video_id,caption\n ,x\n", "line 2 names no video"),
        ("video_id,caption\nv, \n", "any text"),
        ("video_id,caption,start,end\nv,x,1,two\n", "line 2 has the times"),
        ("video_id,caption,start,end\nv,x,1,\n", "line 2 has the times"),
        ("video_id,caption,start,end\nv,x,nan,2\n", "line 2 has the times"),
        ("video_id,caption,start,end\nv,x,1,2\nv,y,,\n", "up to line 3 some rows of v"),
        ("video_id,caption,start,end\nv,x,,\nv,y,1,2\n", "up to line 3 some rows of v"),
        (f"video_id,caption\nv,{'x' * 200_000}\n", "after line 1: field larger than field limit"),
    ],
)
def test_a_wrong_csv_is_refused_with_a_reason(tmp_path, text, reason):
    path = tmp_path / "captions.csv"
    path.write_text(text)
    with pytest.raises(CaptionsFileError, match=reason) as error:
        read_captions(path)
    assert str(error.value).startswith(f"The captions file {path}")
    assert "JSON" not in str(error.value)
