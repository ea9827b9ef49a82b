// How the page of look html steps. All text goes in through textContent, so names from a recording are words and nothing
// else; nothing is loaded. Changing the script changes its hash: the test says the new one. Next: html.cpp for the data.
#include "src/look/html_page.h"

namespace tapedeck::look {

const std::string_view page_script_hash = "sha256-Ru4rBgqvAn7ow1Gj0VjIV0EQ3bwKLFN2wvLGq+6unu4=";

const std::string_view page_script = R"page('use strict';
const data = JSON.parse(document.getElementById('data').textContent), {records, values, buffers, purposes} = data;
const find = id => document.getElementById(id), say = i => data.texts[i];
const colours = ['#2f5f9e', '#5f9e5a', '#c9a13b', '#b5656b', '#7c6bb0', '#8a8a8a', '#444444'];
let now = 0, revealed = false;

// Elements: their name, what they hold, and the field they show (which is how a test finds them).
function make(tag, text, options = {}) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (options.name) e.className = options.name;
  if (options.field) e.dataset.field = options.field;
  if (options.inside) e.append(...options.inside);
  return e;
}
const field = (name, text, tag = 'span') => make(tag, text, {field: name});
const count = n => n.toLocaleString('en');
const bytes = n => n < 1024 ? n + ' B' : n < 1048576 ? (n / 1024).toFixed(1) + ' KiB' : (n / 1048576).toFixed(2) + ' MiB';
const number = x => x === null ? 'not finite' : String(x);
const named = v => '%' + v + (values[v].name === undefined ? '' : ' ' + say(values[v].name));
const total = r => r.alive.reduce((a, b) => a + b, 0);
const suffix = r => r.kind === 2 ? "'" : r.kind === 4 ? '~' : '';
const call = r => say(r.op) + suffix(r) + (say(r.with) ? '[' + say(r.with) + ']' : '') + r.in.map(([role, v]) => ' ' + ['', 'd', 's', '+'][role] + '%' + v).join('');
function go(text, i) {
  const e = make('button', text);
  e.onclick = () => show(i);
  return e;
}

// What follows from the records: who computes a record's gradient, who reads a value as kept, what a buffer held and when.
const replies = records.map(() => []), held = buffers.map(() => []);
records.forEach((r, i) => { if (r.from !== undefined) replies[r.from].push(i); });
values.forEach((v, i) => { if (v.buffer !== undefined) held[v.buffer].push(i); });
const holds = b => held[b].findLast(v => values[v].by === undefined || values[v].by <= now);

// ---- the head and the left side: where we are, what is alive
const most = Math.max(1, ...records.map(total));
function drawOverview() {
  const n = Math.min(records.length, 600), points = [];
  let run;
  for (let i = 0; i < n; ++i) {
    const r = records[Math.floor(i * records.length / n)], phase = say(r.phase);
    points.push(i * 600 / n + ',' + (33 - 31 * total(r) / most));
    if (!run || run.phase !== phase) find('phases').append((run = {phase, size: 0, e: make('span', '', {name: phase})}).e);
    run.e.style.flex = String(++run.size);
    run.e.textContent = run.size > n / 12 ? phase : '';
  }
  find('line').setAttribute('points', points.join(' '));
}
function drawList() {
  const from = Math.max(0, Math.min(now - 8, records.length - 19)), rows = [];
  for (let i = from; i < Math.min(records.length, from + 19); ++i) {
    const row = make('div', '#' + i + ' ' + call(records[i]), {name: 'row ' + say(records[i].phase)});
    if (i === now) row.setAttribute('aria-current', 'step');
    row.onclick = () => show(i);
    rows.push(row);
  }
  find('list').replaceChildren(...rows);
}
function drawMemory() {
  const r = records[now], parts = [], legend = [make('b', '', {inside: [field('alive', count(total(r))), ' B']})];
  r.alive.forEach((n, k) => {
    if (!n) return;
    const part = make('i'), mark = make('i');
    part.style.width = 100 * n / most + '%';
    part.style.background = mark.style.background = colours[k];
    parts.push(part);
    legend.push(make('span', '', {inside: [mark, purposes[k] + ' ', field('alive ' + purposes[k], count(n)), ' B']}));
  });
  find('bar').replaceChildren(...parts);
  find('legend').replaceChildren(...legend);
  const here = [], taken = [], given = [];
  buffers.forEach(([size, , from, until], b) => {
    if (from <= now && (until < 0 || until > now)) here.push(b);
    if (from === now) taken.push(size);
    if (until === now) given.push(size);
  });
  const sum = sizes => count(sizes.length) + (sizes.length === 1 ? ' buffer of ' : ' buffers of ') + bytes(sizes.reduce((a, b) => a + b, 0));
  find('change').textContent = 'taken: ' + sum(taken) + '; given back: ' + sum(given) + '; alive: ' + sum(here.map(b => buffers[b][0]));
  here.sort((a, b) => buffers[b][0] - buffers[a][0]);
  const line = b => (buffers[b][2] === now ? '+ ' : buffers[b][3] === now + 1 ? '- ' : '  ') + bytes(buffers[b][0]).padStart(10) + '  ' +
    purposes[buffers[b][1]].padEnd(11) + ' ' + (holds(b) === undefined ? '' : named(holds(b)));
  const items = here.slice(0, 14).map(b => make('li', line(b).replaceAll(' ', '\u00a0')));
  find('alive').replaceChildren(...items, make('li', '+ new with this record, - given back before the next one is done', {name: 'note'}));
}

// ---- the right side: one record
function place(v, i) {                            // the index of element i: [2,5]
  const shape = [...say(values[v].type).matchAll(/\d+(?=[,\]])/g)].map(m => Number(m[0])), at = [];
  for (const n of shape.reverse()) { at.unshift(i % n); i = Math.floor(i / n); }
  return '[' + at.join(',') + ']';
}
function elements(v) {                            // how many the value has
  return [...say(values[v].type).matchAll(/\d+(?=[,\]])/g)].reduce((n, m) => n * Number(m[0]), 1);
}
function heat(v) {
  const x = values[v], n = elements(v), top = Math.max(1e-30, ...x.heat.map(a => Math.abs(a ?? 0)));
  const at = k => Math.floor(k * (x.every ?? 1) * n / x.shown);
  const cells = x.heat.map((a, k) => {
    const cell = make('b', a === null ? '!' : a < 0 ? '-' : a > 0 ? '+' : '0');
    cell.title = place(v, at(k)) + ' ' + number(a);
    cell.style.background = a === null ? '#fff' : a < 0 ? 'rgba(179,89,26,' + -a / top + ')' : 'rgba(47,95,158,' + a / top + ')';
    if (a !== null && Math.abs(a) > 0.6 * top) cell.style.color = '#fff';
    return cell;
  });
  const words = make('details', undefined, {inside: [make('summary', x.heat.length + ' of ' + count(n) + ' elements in numbers')]});
  words.ontoggle = () => { if (words.open) words.append(make('div', x.heat.map((a, k) => place(v, at(k)) + ' ' + number(a)).join('   '))); };
  return [make('div', undefined, {name: 'heat', inside: cells}), words];
}
function sumSoFar(v) {                            // contributions to a gradient, as far as they have come
  const [into, , of] = values[v].adds, rows = [];
  for (let s = v; s >= 0 && values[s].adds; s = values[s].adds[3])
    rows.unshift(make('tr', undefined, {inside: [make('td', values[s].adds[1] + ' of ' + of), make('td', '#' + values[s].by),
      make('td', 'norm ' + (values[s].sum ? number(values[s].sum[3]) : '?')), make('td', values[s].heat ? place(s, 0) + ' = ' + number(values[s].heat[0]) : '')]}));
  const head = make('p', 'contribution ', {inside: [field('contribution', values[v].adds[1] + ' of ' + of),
    into < 0 ? ' to a gradient' : ' to the gradient of ' + named(into), '; the sum so far:']});
  return [head, make('table', undefined, {inside: rows})];
}
function value(v, role, hide) {
  const x = values[v], box = make('div', undefined, {name: 'value'});
  box.dataset.use = role || 'out';
  box.append(make('div', undefined, {inside: [make('span', role ? role + ' ' : ''), field('id', '%' + v, 'b'), ' ', field('type', hide ? '?' : say(x.type)), ' ',
    x.name === undefined ? '' : field('name', say(x.name))]}));
  const links = make('div');
  if (role && x.by !== undefined) links.append(go('made by #' + x.by, x.by));
  if (x.of !== undefined) links.append('the gradient of ' + named(x.of) + ' ');
  if (x.copy !== undefined) links.append('the same elements as ' + named(x.copy));
  if (links.childNodes.length) box.append(links);
  if (hide) return box;
  if (x.sum) {
    const names = ['min', 'max', 'mean', 'norm', 'zeros'], cells = names.map((name, k) => field(name, k < 4 ? number(x.sum[k]) : count(x.sum[k]), 'td'));
    const head = make('tr', undefined, {inside: names.map(name => make('th', name))});
    box.append(make('table', undefined, {inside: [head, make('tr', undefined, {inside: cells})]}));
    if (x.sum[5] + x.sum[6]) box.append(make('div', undefined, {name: 'bad', inside: [field('nan', count(x.sum[5])), ' NaN, ', field('infinite', count(x.sum[6])), ' infinite']}));
  }
  if (x.heat && x.heat.length > 1) box.append(...heat(v));
  if (!role && x.adds) box.append(...sumSoFar(v));
  return box;
}
function saves(r) {
  return r.saves.map(([v, why]) => {
    const readers = replies[now].filter(i => records[i].in.some(u => u[0] === 2 && u[1] === v));
    return make('div', undefined, {name: 'value', inside: [field('saved', '%' + v, 'b'), ' ' + say(values[v].type) + ': ', field('why', say(why)),
      make('div', undefined, {inside: [readers.length ? 'read by ' : '', ...readers.slice(0, 8).map(i => go('#' + i, i))]})]});
  });
}
function drawDetail() {
  const r = records[now], hide = find('predict').checked && !revealed, box = find('detail'), formula = Object.hasOwn(data.docs, say(r.op)) && data.docs[say(r.op)];
  const part = (title, things) => things.length ? [make('h3', title), ...things] : [];
  const roles = ['input', 'gradient', 'saved', 'added to'];
  box.replaceChildren(
    make('h2', undefined, {inside: ['#', field('index', String(now)), ' ', field('phase', say(r.phase)), ': ', field('op', say(r.op)), suffix(r),
      field('with', say(r.with) ? ' [' + say(r.with) + ']' : '')]}),
    make('p', r.scope && say(r.scope) ? 'in ' : '', {inside: [field('scope', say(r.scope), 'code')]}),
    ...formula ? [make('p', formula, {name: 'formula'})] : [],
    make('p', undefined, {name: 'note', inside: [field('us', (r.ns / 1000).toFixed(3)), ' us, ', field('flops', count(r.flops)), ' flops, ', field('bytes', count(r.bytes)),
      ' B read and written']}),
    make('p', undefined, {inside: [...r.from !== undefined ? ['the gradient of ', go('#' + r.from, r.from)] : [],
      ...replies[now].length ? ['its gradient: ', ...replies[now].slice(0, 12).map(i => go('#' + i, i))] : []]}),
    ...part('makes', r.out.map(v => value(v, '', hide))),
    ...part('reads', r.in.map(([role, v]) => value(v, roles[role]))),
    ...part('kept for backward', r.saves ? saves(r) : []));
}

// ---- moving
function show(i, reveal) {
  now = Math.max(0, Math.min(records.length - 1, i));
  revealed = !!reveal;
  find('step').value = now;
  find('where').textContent = '#' + now + ' of ' + records.length + ', ' + say(records[now].phase);
  const x = records.length > 1 ? 600 * now / (records.length - 1) : 0;
  find('cursor').setAttribute('x1', x);
  find('cursor').setAttribute('x2', x);
  drawList();
  drawMemory();
  drawDetail();
}
const words = r => (call(r) + ' ' + say(r.scope) + ' ' + r.out.map(v => named(v) + ' ' + say(values[v].type)).join(' ')).toLowerCase();
function search(direction) {
  const word = find('search').value.toLowerCase(), n = records.length;
  if (!word) return;
  for (let k = 1; k <= n; ++k) {
    const i = (now + direction * k + n) % n;
    if (words(records[i]).includes(word)) { find('found').textContent = ''; show(i); return; }
  }
  find('found').textContent = 'nothing found';
}
function phase(direction) {
  let i = now + direction;
  while (i > 0 && i < records.length - 1 && records[i].phase === records[now].phase) i += direction;
  show(i);
}
const keys = {ArrowRight: () => show(now + 1), ArrowDown: () => show(now + 1), ArrowLeft: () => show(now - 1), ArrowUp: () => show(now - 1),
  PageDown: () => phase(1), PageUp: () => phase(-1), Home: () => show(0), End: () => show(records.length - 1), r: () => show(now, true),
  p: () => find('predict').click(), '/': () => find('search').focus(), n: () => search(1), N: () => search(-1)};
document.onkeydown = e => {
  if (e.ctrlKey || e.altKey || e.metaKey || !Object.hasOwn(keys, e.key)) return;
  e.preventDefault();
  keys[e.key]();
};
find('search').onkeydown = e => {
  if (e.key === 'Enter') search(e.shiftKey ? -1 : 1);
  if (e.key === 'Escape') find('search').blur();
  e.stopPropagation();
};
find('step').oninput = () => show(Number(find('step').value));
find('back').onclick = () => show(now - 1);
find('next').onclick = () => show(now + 1);
find('predict').onchange = () => show(now);
find('title').textContent = data.title;
find('step').max = records.length - 1;
if (records.length) { drawOverview(); show(0); }
)page";

}  // namespace tapedeck::look
