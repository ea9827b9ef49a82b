// What the page of look html looks like. Phases differ in line style as well as in colour, signs are written into the heat
// maps: nothing is told by colour alone. Changing the style changes its hash: the test says the new one. Next: html_script.cpp.
#include "src/look/html_page.h"

namespace tapedeck::look {

const std::string_view page_style_hash = "sha256-FjHYP39M1mlogDAZtZuerZHbYYak7iq75I7h2QjqarQ=";

const std::string_view page_style = R"page(
*{box-sizing:border-box}
html{scroll-padding-top:180px}
body{font:14px/1.45 "DejaVu Sans",Verdana,sans-serif;margin:0;color:#1a1a1a;background:#f7f7f5}
header{position:sticky;top:0;background:#fff;border-bottom:1px solid #bbb;padding:8px 14px;z-index:1}
h1{font-size:13px;font-weight:normal;color:#444;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:16px;margin:0;overflow-wrap:anywhere}
h3{font-size:13px;margin:14px 0 3px;padding-bottom:1px;border-bottom:1px solid #ccc}
p{margin:4px 0}
code,.row,.value,td,th,.alive li{font-family:"DejaVu Sans Mono",monospace;font-size:12px}
.controls{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center}
#step{flex:1 1 300px;margin:0}
#where{min-width:17em;font-weight:bold}
#phases{display:flex;height:16px;border:1px solid #999;font-size:10px;line-height:14px;overflow:hidden}
#phases span{overflow:hidden;text-align:center;white-space:nowrap;border-left:1px solid #555}
#curve{display:block;width:100%;height:34px;background:#fff;border:1px solid #999;border-top:0}
main{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,7fr);gap:14px;padding:10px 14px}
section,nav{background:#fff;border:1px solid #ccc;padding:8px 10px}
.row{cursor:pointer;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;padding:0 4px;border-left:6px solid #2f5f9e}
.row.backward{border-left:6px dashed #b3591a}.row.second,.row.third,.row.higher{border-left:6px double #6d2ba6}
.row.update{border-left:6px dotted #2c732c}.row.recompute{border-left:6px groove #666}
.row[aria-current]{background:#ffe08a;font-weight:bold}
#phases .forward{background:#dbe7f6}#phases .backward{background:#fbe3d0}
#phases .second{background:#e8daf6}#phases .update{background:#dcf0dc}
#phases .recompute,#phases .third,#phases .higher{background:#e6e6e6}
#bar{display:flex;height:16px;border:1px solid #999;background:#fff;margin:3px 0}
#bar i{display:block;border-right:1px solid #fff}
#legend{display:flex;flex-wrap:wrap;gap:0 12px;font-size:12px}
#legend i{display:inline-block;width:10px;height:10px;margin-right:4px;border:1px solid #555}
.alive{list-style:none;margin:2px 0;padding:0}
.alive li{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.value{border:1px solid #ccc;margin:4px 0;padding:4px 6px;overflow-wrap:anywhere}
table{border-collapse:collapse;margin:2px 0}
th{font-weight:normal;color:#555;text-align:left;padding:0 12px 0 0}
td{padding:0 12px 0 0;white-space:nowrap}
.heat{display:grid;grid-template-columns:repeat(16,18px);margin:3px 0}
.heat b{height:16px;border:1px solid #ddd;font:11px/14px "DejaVu Sans Mono",monospace;text-align:center}
.formula{font-style:italic;font-size:15px}
.numbers{font-family:"DejaVu Sans Mono",monospace;font-size:12px;overflow-wrap:anywhere}
.question input{width:9em}
.note{color:#444}
.bad{font-weight:bold;text-decoration:underline}
button,input,summary{font:inherit;font-size:12px}
button{border:1px solid #888;background:#f2f2f2;border-radius:3px;padding:0 6px;margin:0 4px 0 0;cursor:pointer}
:focus-visible{outline:3px solid #000;outline-offset:1px}
kbd{border:1px solid #999;border-radius:3px;padding:0 3px;font-size:11px;background:#f2f2f2}
@media(max-width:800px){main{grid-template-columns:minmax(0,1fr)}}
)page";

const std::string_view page_body = R"page(<header>
<h1 id="title"></h1>
<div class="controls"><button id="back" aria-label="one record back">&#9664;</button>
<button id="next" aria-label="one record on">&#9654;</button>
<input id="step" type="range" min="0" value="0" aria-label="record"><span id="where" role="status"></span></div>
<div id="phases" aria-hidden="true"></div>
<svg id="curve" viewBox="0 0 600 34" preserveAspectRatio="none" role="img" aria-label="bytes alive over the records">
<polyline id="line" fill="none" stroke="#2f5f9e" vector-effect="non-scaling-stroke"/>
<line id="cursor" y1="0" y2="34" stroke="#c00" stroke-width="2" vector-effect="non-scaling-stroke"/></svg>
<div class="controls"><label>search <input id="search" size="18"></label> <span id="found" role="status"></span>
<label><input id="predict" type="checkbox"> predict, then reveal</label> <span id="score" role="status"></span>
<span><kbd>&#8592;</kbd> <kbd>&#8594;</kbd> record, <kbd>page up</kbd> <kbd>page down</kbd> phase, <kbd>home</kbd> <kbd>end</kbd>,
<kbd>/</kbd> search, <kbd>n</kbd> next found, <kbd>p</kbd> predict, <kbd>a</kbd> answer, <kbd>r</kbd> reveal</span></div>
</header>
<main><nav aria-label="records"><div id="list"></div><h3>memory alive after this record</h3>
<div id="bar" role="img" aria-label="memory by purpose"></div><div id="legend"></div>
<p id="change"></p><ul id="alive" class="alive"></ul></nav>
<section id="detail" aria-live="polite"></section></main>
)page";

}  // namespace tapedeck::look
