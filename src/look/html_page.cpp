// The page of look html: what it looks like and how it steps. All text goes in through textContent, so names from a recording
// are words and nothing else; nothing is loaded. Changing style or script changes its hash: the test says the new one.
#include "src/look/html_page.h"

namespace tapedeck::look {

const std::string_view page_style_hash = "sha256-z21C/l9MlYr1zY6Y9y+HtSSpN3bkmodbOm2/1jti0KM=";
const std::string_view page_script_hash = "sha256-Nr99Js+VFx1ESrlbuc5yR1PEsLhXYlNNv7eiP2hasY0=";

const std::string_view page_style = R"page(body{font:14px/1.4 sans-serif;margin:12px;color:#111;background:#fff}h1{font-size:16px;margin:0}h2{font-size:15px;overflow-wrap:anywhere}
h3{font-size:13px;margin:10px 0 2px}#step{width:100%}#memory{display:flex;height:16px;background:#eee}#memory i{display:block}
main{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:16px}.row{cursor:pointer;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis;font:12px monospace;padding:1px 4px;border-left:6px solid #4878b0}.row.backward{border-left:6px dashed #c9702b}
.row.second,.row.third{border-left:6px double #7c3bb0}.row.update{border-left:6px dotted #3b8a3b}.row[aria-current]{background:#fd6;font-weight:bold}
.value{border:1px solid #ccc;margin:3px 0;padding:3px}.name,.numbers,.scope{font:12px monospace;overflow-wrap:anywhere}.heat{display:grid;
grid-template-columns:repeat(16,14px)}.heat b{height:14px;border:1px solid #eee}.formula{font-style:italic}button{font-size:12px}
)page";

const std::string_view page_body = R"page(<h1 id="title"></h1>
<p><label>step <input id="step" type="range" min="0" value="0"></label> <span id="where" role="status"></span></p>
<div id="memory" role="img" aria-label="memory alive"></div><div id="legend"></div>
<svg width="100%" height="40" viewBox="0 0 600 40" preserveAspectRatio="none" aria-hidden="true"><polyline id="curve" fill="none" stroke="#4878b0"/>
<line id="cursor" y1="0" y2="40" stroke="#d00"/></svg>
<p><label>search <input id="search"></label> <span id="found"></span> <label><input id="predict" type="checkbox"> predict, then reveal</label>
arrows: step; page up, page down: phase; / search, n next; p predict, r reveal</p>
<main><div id="list"></div><div id="detail" aria-live="polite"></div></main>
)page";

const std::string_view page_script = R"page('use strict';
const data = JSON.parse(document.getElementById('data').textContent), records = data.records, values = data.values;
const find = id => document.getElementById(id), slider = find('step'), colours = ['#4878b0', '#7fb07a', '#c9a13b', '#b5656b', '#7c6bb0', '#8a8a8a', '#444444'];
const make = (tag, text, name) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (name) e.className = name; return e; };
const bytes = n => n < 1024 ? n + ' B' : n < 1048576 ? (n / 1024).toFixed(1) + ' KiB' : (n / 1048576).toFixed(2) + ' MiB';
const type = v => '%' + v + ':' + values[v].t + (values[v].n ? ' (' + values[v].n + ')' : '');
let now = 0, shown = false;

const most = Math.max(1, ...records.map(r => r.alive.reduce((a, b) => a + b, 0)));
function memory() {
  const bar = find('memory'), legend = find('legend');
  bar.replaceChildren(); legend.replaceChildren();
  records[now].alive.forEach((n, k) => {
    if (!n) return;
    const part = make('i'); part.style.width = 100 * n / most + '%'; part.style.background = colours[k]; bar.append(part);
    const mark = make('span', '\u25a0 '); mark.style.color = colours[k];
    const word = make('span', data.purposes[k] + ' ' + bytes(n) + '  '); legend.append(mark, word);
  });
}
function line() {
  const n = Math.min(records.length, 600), points = [];
  for (let i = 0; i < n; ++i) {
    const r = records[Math.floor(i * records.length / n)];
    points.push(i * 600 / n + ',' + (40 - 38 * r.alive.reduce((a, b) => a + b, 0) / most));
  }
  find('curve').setAttribute('points', points.join(' '));
}
function heat(sample) {
  const box = make('div', undefined, 'heat'), finite = sample.filter(x => x !== null), top = Math.max(1e-30, ...finite.map(Math.abs));
  for (const x of sample) {
    const cell = make('b'); cell.title = x === null ? 'not finite' : String(x);
    cell.style.background = x === null ? '#000' : x < 0 ? 'rgba(181,72,60,' + Math.abs(x) / top + ')' : 'rgba(60,100,181,' + x / top + ')';
    box.append(cell);
  }
  return box;
}
function value(v, role, hide) {
  const x = values[v], box = make('div', undefined, 'value');
  box.append(make('div', (role ? role + ' ' : '') + type(v), 'name'));
  if (x.m >= 0) { const go = make('button', 'made by #' + x.m); go.onclick = () => show(x.m); box.append(go); }
  if (x.g >= 0) box.append(make('span', ' gradient of %' + x.g));
  if (hide) { box.append(make('div', 'predicted? press r to reveal')); return box; }
  if (x.s) box.append(make('div', 'min ' + x.s[0] + '  max ' + x.s[1] + '  mean ' + x.s[2] + '  norm ' + x.s[3] + (x.s[4] ? '  NOT FINITE: ' + x.s[4] : ''), 'numbers'));
  if (x.h.length > 1) box.append(heat(x.h));
  return box;
}
function detail() {
  const r = records[now], box = find('detail');
  box.replaceChildren(make('h2', '#' + now + ' ' + r.phase + ': ' + r.call), make('div', r.scope, 'scope'));
  if (data.docs[r.op]) box.append(make('p', data.docs[r.op], 'formula'));
  box.append(make('p', (r.ns / 1000).toFixed(1) + ' us, ' + r.flops + ' flops, ' + bytes(r.bytes)));
  if (r.origin >= 0) { const go = make('button', 'gradient of #' + r.origin); go.onclick = () => show(r.origin); box.append(go); }
  if (r.replies.length) {
    box.append(make('h3', 'its gradient is computed by'));
    for (const i of r.replies) { const go = make('button', '#' + i); go.onclick = () => show(i); box.append(go); }
  }
  if (r.out.length) box.append(make('h3', 'makes'));
  for (const v of r.out) box.append(value(v, '', find('predict').checked && !shown));
  const roles = ['', 'gradient', 'saved', 'added to'], sums = r.in.filter(u => u[0] === 3).length;
  if (r.in.length) box.append(make('h3', 'reads'));
  for (const [role, v] of r.in) box.append(value(v, roles[role]));
  if (sums) box.append(make('p', 'it adds to a gradient that other records began: see "added to"'));
  if (r.saves.length) box.append(make('h3', 'kept for backward'));
  for (const [v, why] of r.saves) box.append(make('div', type(v) + ': ' + why));
  const alive = data.buffers.filter(b => b[2] <= now && (b[3] < 0 || b[3] > now)).sort((a, b) => b[0] - a[0]);
  box.append(make('h3', 'alive: ' + alive.length + ' buffers, the largest'));
  for (const b of alive.slice(0, 10)) box.append(make('div', bytes(b[0]) + '  ' + data.purposes[b[1]] + '  ' + (b[4] >= 0 ? type(b[4]) : '')));
}
function list() {
  const box = find('list'), from = Math.max(0, Math.min(now - 15, records.length - 31));
  box.replaceChildren();
  for (let i = from; i < Math.min(records.length, from + 31); ++i) {
    const r = records[i], row = make('div', '#' + i + ' ' + r.call, 'row ' + r.phase);
    if (i === now) row.setAttribute('aria-current', 'step');
    row.onclick = () => show(i);
    box.append(row);
  }
}
function show(i, keep) {
  now = Math.max(0, Math.min(records.length - 1, i)); shown = !!keep;
  slider.value = now; find('where').textContent = '#' + now + ' of ' + records.length + ', ' + records[now].phase;
  const x = records.length > 1 ? 600 * now / (records.length - 1) : 0;
  find('cursor').setAttribute('x1', x); find('cursor').setAttribute('x2', x);
  memory(); list(); detail();
}
function search(direction) {
  const word = find('search').value.toLowerCase();
  if (!word) return;
  for (let k = 1; k <= records.length; ++k) {
    const i = (now + direction * k + records.length * 2) % records.length, r = records[i];
    if ((r.call + ' ' + r.scope + ' ' + r.out.map(type).join(' ')).toLowerCase().includes(word)) { show(i); find('found').textContent = ''; return; }
  }
  find('found').textContent = 'nothing found';
}
function phase(direction) {
  let i = now + direction;
  while (i > 0 && i < records.length - 1 && records[i].phase === records[now].phase) i += direction;
  show(i);
}
slider.max = records.length - 1;
slider.oninput = () => show(Number(slider.value));
find('predict').onchange = () => show(now);
find('search').onkeydown = e => { if (e.key === 'Enter') search(e.shiftKey ? -1 : 1); if (e.key === 'Escape') find('search').blur(); e.stopPropagation(); };
document.onkeydown = e => {
  if (e.ctrlKey || e.altKey || e.metaKey) return;
  const keys = { ArrowRight: () => show(now + 1), ArrowDown: () => show(now + 1), ArrowLeft: () => show(now - 1), ArrowUp: () => show(now - 1),
    PageDown: () => phase(1), PageUp: () => phase(-1), Home: () => show(0), End: () => show(records.length - 1), r: () => show(now, true),
    p: () => { find('predict').checked = !find('predict').checked; show(now); }, '/': () => find('search').focus(), n: () => search(1), N: () => search(-1) };
  if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
};
find('title').textContent = data.title;
if (records.length) { line(); show(0); }
)page";

}  // namespace tapedeck::look
