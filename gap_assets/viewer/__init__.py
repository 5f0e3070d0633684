"""The viewer: both clouds, every pair, its frames and captions, on one page without a build step.

`pairs_shown` reads what the page draws, `details` what it shows of one video, `strips` its
pictures, `ranking` who is near to whom, `search` embeds a sentence. The same page is served from a
warehouse by `server`, written as a folder of files by `site` and as one file by `single_file`;
`page` holds its HTML, style and scripts. The numbers of the gap are `gap_assets.gap`'s.
"""
