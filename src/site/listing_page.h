/* SPDX-License-Identifier: MIT */
/*
 * The parts of a listing's page that are the same for every folder: policy, style and script.
 *
 *   begin | policy | title | style | path | table head | rows | script
 *
 * Without script the page is a complete list, in the order in which it was written; without style
 * it is a plain table. End tags and quotes that HTML lets one leave out are left out of rows,
 * because there may be 100,000 of them.
 */
#ifndef QUOIT_SITE_LISTING_PAGE_H
#define QUOIT_SITE_LISTING_PAGE_H

static const char listing_page_begin[] =
	"<!doctype html>\n"
	"<html lang=\"en\">\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n";

/*
 * Names come from whoever may put files here. They are escaped; should that ever fail, the policy
 * still runs no script and takes no style but the two below, which it knows by their SHA-256. The
 * unit test says what to write here after a change of them.
 */
static const char listing_page_policy[] =
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self'; "
	"base-uri 'none'; form-action 'none'; "
	"style-src 'sha256-2Z84obNkr/2ELYELOVNCO0b5In/a9BaaXM/w54ykEWM='; "
	"script-src 'sha256-x9orNVO4JKFWH4I6t+Eb3yE1+VubrJqD2URWnYWbXk4='\">\n";

/*
 * Rows in one tbody. The browser lays out only the groups near the window (content-visibility), and
 * that takes blocks instead of table boxes: with Chromium 156 on two cores 100,000 rows are there in
 * 2 s and sorted in 1 s; as one table it was 28 s and 27 s, with no style at all not much less.
 */
#define LISTING_PAGE_GROUP 250

/*
 * On a wide page three columns. On a narrow one each row is two lines, the name and below it date and
 * size, so that a name has the whole width; it breaks where it must, and nothing is wider than the
 * page. A name reads from left to right whatever its letters, so that its ending stays at its end.
 * The height of a group not yet laid out is a guess: LISTING_PAGE_GROUP rows of one line of name.
 */
static const char listing_page_style[] =
	":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#59636e;--line:#dde2e8;"
	"--mark:#eff4fa;--link:#0a58ca;--seen:#6b3fb5}\n"
	"@media(prefers-color-scheme:dark){:root{--paper:#13161a;--ink:#e3e7ec;--faint:#9aa5b1;"
	"--line:#2b323a;--mark:#1d242c;--link:#86b6ff;--seen:#c6abf7}}\n"
	"*{box-sizing:border-box}\n"
	"body{max-width:64rem;margin:0 auto;padding:1rem;background:var(--paper);color:var(--ink);"
	"font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere;-webkit-text-size-adjust:100%}\n"
	"bdi{direction:ltr;white-space:pre-wrap}\n"
	"a{color:var(--link);text-decoration:none}\n"
	"a:visited{color:var(--seen)}\n"
	"a:hover{text-decoration:underline}\n"
	":focus-visible{outline:2px solid var(--link);outline-offset:-2px}\n"
	"h1{margin:0 0 .5rem;padding:0 .5rem;font-size:1.25rem}\n"
	"h1 a{display:inline-block;padding:.5rem .125rem}\n"
	"h1 a:first-of-type{min-width:2.25rem;text-align:center}\n"
	"h1 a:visited{color:var(--link)}\n"
	"p,footer{margin:1rem 0;padding:0 .5rem;color:var(--faint)}\n"
	"p{padding:.5rem;border-left:.25rem solid var(--link);background:var(--mark);color:var(--ink)}\n"
	"table,thead,tbody{display:block}\n"
	"thead{position:sticky;top:0;z-index:1;background:var(--paper);font-size:.875rem}\n"
	"tbody[translate]~tbody{content-visibility:auto;contain-intrinsic-size:auto 578rem}\n"
	"tr{display:grid;grid-template-columns:minmax(0,1fr) 7rem 11rem;border-bottom:1px solid "
	"var(--line)}\n"
	"tbody tr:hover{background:var(--mark)}\n"
	"th,td{padding:.375rem .5rem;text-align:left}\n"
	"th,td:nth-child(n+2){color:var(--faint);font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"th:nth-child(2),td:nth-child(2){text-align:right}\n"
	"td:first-child{padding:0}\n"
	"td a{display:block;padding:.375rem .5rem}\n"
	".folder a{font-weight:600}\n"
	"button{width:calc(100% + 1rem);margin:-.375rem -.5rem;padding:.375rem "
	".5rem;border:0;background:none;"
	"color:inherit;font:inherit;text-align:inherit;cursor:pointer}\n"
	"button:hover,[aria-sort]{color:var(--ink)}\n"
	"[aria-sort] button::after{content:' \\2193';content:' \\2193'/''}\n"
	"[aria-sort=ascending] button::after{content:' \\2191';content:' \\2191'/''}\n"
	"@media(pointer:coarse),(max-width:40rem){button,td a{padding-block:.625rem}}\n"
	"@media(max-width:40rem){body{padding:.5rem}\n"
	"tbody[translate]~tbody{contain-intrinsic-size:auto 1063rem}\n"
	"tr{grid-template-columns:1fr auto}\n"
	"thead tr{grid-template-columns:1fr auto auto}\n"
	"td:first-child{grid-column:1/-1}\n"
	"td:nth-child(2){grid-area:2/2}\n"
	"td a{padding-bottom:.25rem}\n"
	".up a{padding-bottom:.625rem}\n"
	"td:nth-child(n+2){padding-block:0 .5rem;font-size:.875rem}\n"
	"td:empty{padding:0}}\n";

/*
 * Makes a button of every header cell. Folders stay on top whichever way is sorted, and what is equal
 * stays in the order in which it was written. The first click on size or date brings the largest or
 * newest up, as one mostly looks for these. Groups are filled outside of the page, so that it is laid out
 * once.
 */
static const char listing_page_script[] =
	"'use strict';\n"
	"{\n"
	"const table = document.querySelector('table');\n"
	"const heads = Array.from(table.tHead.rows[0].cells);\n"
	"const groups = Array.from(document.querySelectorAll('tbody[translate]'));\n"
	"const most = groups[0].rows.length;\n"
	"let items;\n"
	"const read = (row, place) => {\n"
	"\tconst size = row.cells[1].title, time = row.cells[2].firstChild.dateTime;\n"
	"\treturn {row, folder: !size, keys: [place, parseInt(size.replace(/,/g, '')), Date.parse(time)]};\n"
	"};\n"
	"const sort = (column, way) => {\n"
	"\titems = items || groups.flatMap(group => Array.from(group.rows)).map(read);\n"
	"\titems.sort((a, b) => b.folder - a.folder || (a.keys[column] - b.keys[column]) * way ||\n"
	"\t\ta.keys[0] - b.keys[0]);\n"
	"\tfor (const group of groups) group.remove();\n"
	"\tgroups.forEach((group, i) =>\n"
	"\t\tgroup.append(...items.slice(i * most, (i + 1) * most).map(item => item.row)));\n"
	"\ttable.append(...groups);\n"
	"};\n"
	"heads.forEach((head, column) => {\n"
	"\tconst button = document.createElement('button');\n"
	"\tbutton.type = 'button';\n"
	"\tbutton.append(...head.childNodes);\n"
	"\thead.append(button);\n"
	"\tbutton.addEventListener('click', () => {\n"
	"\t\tconst was = head.getAttribute('aria-sort');\n"
	"\t\tconst up = was ? was !== 'ascending' : column === 0;\n"
	"\t\tfor (const other of heads) other.removeAttribute('aria-sort');\n"
	"\t\thead.setAttribute('aria-sort', up ? 'ascending' : 'descending');\n"
	"\t\tsort(column, up ? 1 : -1);\n"
	"\t});\n"
	"});\n"
	"}\n";

static const char listing_page_table[] = "<table>\n"
					 "<thead><tr><th scope=\"col\" aria-sort=\"ascending\">Name"
					 "<th scope=\"col\">Size<th scope=\"col\">Modified (UTC)\n";

static const char listing_page_parent[] =
	"<tbody><tr class=\"folder up\"><td><a href=\"../\">../ parent folder</a><td><td></td>\n";

/* A group of rows. The names of files are no language: a browser's translation must not touch them. */
static const char listing_page_group[] = "<tbody translate=\"no\">\n";

#endif
