// SPDX-License-Identifier: LGPL-2.1-or-later
// How a report looks: light and dark, wide and on a phone, on paper. A frame opens large by
// :target, without a script.
#include "tools/report.h"

namespace checkpoint::tool {

const char *const kReportStyle = R"css(
:root{color-scheme:light dark;--back:#fbfbfa;--card:#fff;--ink:#1d2025;--soft:#565c66;--line:#d9dbe0;--link:#0b57a4;--good:#1a6d33;--bad:#a3261b;--scene:#1b1f27}
@media (prefers-color-scheme:dark){:root{--back:#14161a;--card:#1d2026;--ink:#e9eaec;--soft:#a9aeb8;--line:#373b44;--link:#8ec1f5;--good:#7fd596;--bad:#ff9d92}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main,header{max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.3rem;line-height:1.25;margin:0 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.4rem 0}
a{color:var(--link)}
.soft{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:0 0 1rem}
dl.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.5rem 1rem;margin:.5rem 0}
dl.facts div{min-width:0}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0}dl.facts .id{grid-column:1/-1}
ul.tree,ul.tree ul{list-style:none;margin:0;padding:0}
ul.tree ul{margin-left:.7rem;padding-left:1rem;border-left:2px solid var(--line)}
ul.tree li{margin:.35rem 0}
.row{display:grid;grid-template-columns:9rem 1fr 4.5rem;gap:.6rem;align-items:center;margin:.25rem 0}
.row .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row .count{text-align:right;font-variant-numeric:tabular-nums}
.row svg{display:block;width:100%;height:2rem;background:var(--scene);border-radius:.25rem}
.row.axis{color:var(--soft);font-size:.85rem}
.row.axis .ends{display:flex;justify-content:space-between}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:.75rem}
figure{margin:0}
.scene{position:relative;background:var(--scene);border-radius:.3rem;overflow:hidden}
.scene img{display:block;width:100%;height:100%;object-fit:fill}
.scene svg{position:absolute;inset:0;width:100%;height:100%}
.scene .none{position:absolute;inset:0;display:flex;align-items:center;justify-content:center;color:#d5d8de}
figcaption{font-size:.85rem;color:var(--soft);margin-top:.25rem}
figure .open{position:absolute;inset:0}
figure .open:focus-visible{outline:3px solid #fff;outline-offset:-5px}
figure .close,figure .more{display:none}
figure.frame:target{position:fixed;inset:0;z-index:9;background:#0c0d10;color:#f1f2f4;padding:3.2rem 1rem 1rem;overflow:auto}
figure.frame:target .scene{margin:0 auto;width:min(100%,calc((100vh - 9rem)/var(--aspect)))}
figure.frame:target .open{display:none}
figure.frame:target figcaption{color:#d5d8de;text-align:center;font-size:1rem}
figure.frame:target .close{display:block;position:fixed;top:.6rem;right:.8rem;color:#fff;background:#2c313b;padding:.4rem .9rem;border-radius:.4rem;text-decoration:none}
figure.frame:target .more{display:block;max-width:44rem;margin:.6rem auto 0}
body:has(figure.frame:target){overflow:hidden}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600}
.more th,.more td{border-color:#3a3f49}
.more thead th{color:#c3c8d0}
th.number,td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tbody th{font-weight:500;min-width:6rem}
code{font:.86em/1.4 ui-monospace,monospace}
summary{cursor:pointer;padding:.3rem 0;font-weight:600}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin:.75rem 0}
.pair h4{grid-column:1/-1;margin:0;font-size:.95rem;font-weight:600}
.pair ul{grid-column:1/-1;margin:0;padding-left:1.2rem;font-size:.9rem}
.gained{color:var(--good)}.lost{color:var(--bad)}
.missing{display:flex;align-items:center;justify-content:center;min-height:6rem;border:1px dashed var(--line);border-radius:.3rem;color:var(--soft)}
@media (max-width:34rem){
main,header{padding:.6rem}section{padding:.75rem}
.row{grid-template-columns:1fr 4.5rem}.row svg,.row .ends{grid-column:1/-1;grid-row:2}.row.axis .ends{grid-row:auto}
.frames{grid-template-columns:1fr 1fr;gap:.5rem}
figure.frame:target{padding:3.2rem .5rem .5rem}
dl.facts{grid-template-columns:1fr 1fr}
}
@media print{section{break-inside:avoid-page}.close,.open{display:none}}
)css";

}  // namespace checkpoint::tool
