// Opens every page of a folder in headless Chromium and looks at it as a reader, a printer and a screen reader would.
//
//   node report.mjs PAGES           looks at them
//   node report.mjs PAGES SHOTS     SHOTS gets a picture of each page, light and dark, and its print as PDF

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../.tools/browser/node_modules/", import.meta.url));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [pages, shots] = process.argv.slice(2);
const names = readdirSync(pages)
    .filter((name) => name.endsWith(".html"))
    .sort();

/** A4 less the margins of the print style, in CSS pixels. */
const PAPER = Math.round(((210 - 24) / 25.4) * 96);
/** What each page of the sample runs must have in it. */
const EXPECTED = {
    cut: { state: "Done", heading: "Amara Okonkwo" },
    leaver: { state: "Incomplete", heading: "Amara Okonkwo", bars: 11 },
    hostile: { state: "Incomplete", bars: 11 },
    quiet: { state: "Incomplete", heading: "leave-7f3a", bars: 11 },
    unbalanced: { state: "Done", heading: "Amara Okonkwo", bars: 2 },
    empty: { state: "Open", heading: "Amara Okonkwo" },
    endless: { state: "Done", bars: 30 },
    // Salesforce refuses to deactivate the default owner of leads, and the page must say so.
    demo: { state: "Incomplete", heading: "Amara Okafor" },
};

/** Pages that are open at the same time. Each has a process of its own, and the longest takes as long as all others together. */
const TABS = 2;
/** A page with more elements than this is thinned out before its colours are looked at. */
const MANY_ELEMENTS = 10_000;

let passed = 0;
let failed = 0;

/** A checker for one page. What it says is kept together, since pages are looked at side by side. */
function checker(lines) {
    return async (name, body) => {
        try {
            await body();
            passed += 1;
            lines.push(`ok      ${name}`);
        } catch (error) {
            failed += 1;
            lines.push(`FAILED  ${name}: ${error.message.split("\n").slice(0, 12).join("\n        ")}`);
        }
    };
}

function must(condition, what) {
    if (!condition) {
        throw new Error(what);
    }
}

/** Elements that stick out of the page or whose text is cut off, in the layout as it is. */
function sticking() {
    const width = document.documentElement.clientWidth;
    const out = [];
    for (const element of document.querySelectorAll("body *")) {
        const box = element.getBoundingClientRect();
        if (box.width === 0 || (box.right <= width + 1 && box.left >= -1)) continue;
        if (element.closest("svg") && element.tagName !== "svg") continue;
        if (element.matches(".quiet, .skip")) continue;
        const scrolls = element.closest(".wide");
        const scrollable = scrolls && getComputedStyle(scrolls).overflowX === "auto";
        if (!scrollable) {
            out.push(`${element.tagName}.${element.getAttribute("class") ?? ""} from ${box.left} to ${box.right} of ${width}`);
        }
    }
    return out.slice(0, 5);
}

/** Each bar: the numbers of its parts and of its row, and how long the parts are drawn. */
function bars() {
    const number = (text) => Number(text.replaceAll(",", ""));
    return [...document.querySelectorAll("svg.stack")].map((bar) => {
        const row = bar.closest("tr");
        const [counted, arrived, moved, kept, refused, gone] = [...row.querySelectorAll("td.n")].map((cell) => number(cell.textContent));
        const whole = bar.getBoundingClientRect().width;
        const parts = [...bar.querySelectorAll("rect")].map((part) => ({
            kind: part.getAttribute("class"),
            count: Number(part.dataset.count),
            share: whole > 0 ? part.getBoundingClientRect().width / whole : 0,
        }));
        return { name: row.querySelector("th").textContent, label: bar.getAttribute("aria-label"), numbers: { counted, arrived, moved, kept, refused, gone }, parts };
    });
}

function adds(bar) {
    const { counted, arrived, ...places } = bar.numbers;
    const total = bar.parts.reduce((sum, part) => sum + part.count, 0);
    must(total === counted + arrived, `${bar.name}: the parts are ${total}, counted and arrived ${counted + arrived}`);
    for (const part of bar.parts) {
        if (part.kind !== "nowhere") {
            must(part.count === places[part.kind], `${bar.name}: ${part.kind} is ${part.count} in the bar, ${places[part.kind]} in the row`);
        }
        must(bar.label.includes(`${part.count.toLocaleString("en-GB")} ${part.kind}`), `${bar.name}: ${bar.label} does not say ${part.kind}`);
    }
    // In proportion, but none invisible; what that takes is the longest part's. Between two parts is a gap.
    const [least, gap] = [0.016, 0.004];
    const lengths = bar.parts.map((part) => Math.max(Math.floor((part.count * 1000) / total) / 1000, least));
    const longest = lengths.lastIndexOf(Math.max(...lengths));
    lengths[longest] += 1 - lengths.reduce((sum, length) => sum + length, 0);
    for (const [place, part] of bar.parts.entries()) {
        const due = lengths[place] - (place < bar.parts.length - 1 ? gap : 0);
        must(Math.abs(part.share - due) < 0.002, `${bar.name}: ${part.kind} is drawn ${part.share}, due ${due}`);
    }
}

/** What axe is asked: the levels A and AA, and its best practice. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The rules that ask how the page is drawn: colours, and how near targets stand. Only these can differ between light and dark. */
const DRAWN = ["color-contrast", "link-in-text-block", "target-size"];

/**
 * Takes rows out of a long page, and says how many, until of the texts that look the same three are left: the first, the middle and the
 * last. For the rules about drawing axe puts every element of a page on a grid, which takes a minute for thousands of equal rows. Two texts
 * look the same when the names and classes of all elements around them are equal, and so are colours, size, weight and opacity as computed.
 * A row with something to press stays.
 */
function thinOut() {
    const described = new Map();
    const describe = (element) => {
        if (!element) return "";
        if (!described.has(element)) {
            const style = getComputedStyle(element);
            const colours = [style.color, style.fill, style.backgroundColor, style.backgroundImage, style.opacity, style.visibility];
            const letters = [style.fontSize, style.fontWeight, style.textShadow, style.position];
            const own = [element.tagName, element.getAttribute("class"), ...colours, ...letters];
            described.set(element, `${describe(element.parentElement)}>${own.join()}`);
        }
        return described.get(element);
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
    const alike = Map.groupBy([...document.querySelectorAll("body *")].filter(hasText), describe);
    const keep = new Set(document.querySelectorAll(":is(a, button, input, select, summary, textarea, [tabindex])"));
    for (const texts of alike.values()) {
        [texts[0], texts[texts.length >> 1], texts.at(-1)].forEach((text) => keep.add(text));
    }
    const kept = new Set([...keep].map((element) => element.closest("tbody tr")));
    const spare = [...document.querySelectorAll("tbody tr")].filter((row) => !kept.has(row));
    spare.forEach((row) => row.remove());
    return spare.length;
}

/** Fails with axe's violations of the rules; `must_pass` is a rule that proves that they were looked at. */
async function accessible(page, rules, must_pass) {
    const found = await page.evaluate(
        // Of what passes only that it did is asked for: to name each element that passes takes longer than the rules.
        (options) => axe.run(document, { ...options, resultTypes: ["violations"], iframes: false }),
        rules,
    );
    const told = found.violations.map((one) => `${one.id} (${one.nodes.length}): ${one.nodes[0].html.slice(0, 160)} ${one.nodes[0].failureSummary.slice(0, 200)}`);
    must(told.length === 0, told.join("\n"));
    must(found.passes.some((one) => one.id === must_pass), `${must_pass} was not looked at`);
}

/** Words of a PDF with their boxes, by page. */
function printed(file) {
    const text = execFileSync("pdftotext", ["-bbox", file, "-"], { maxBuffer: 1 << 28 }).toString();
    return [...text.matchAll(/<page width="([\d.]+)" height="([\d.]+)">([\s\S]*?)<\/page>/g)].map(([, width, height, body]) => ({
        width: Number(width),
        height: Number(height),
        words: [...body.matchAll(/xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">([^<]*)</g)].map(
            ([, left, top, right, bottom, word]) => ({ left: +left, top: +top, right: +right, bottom: +bottom, word }),
        ),
    }));
}

/** Kept only when somebody wants to see it. */
async function picture(page, name, whole) {
    if (shots) {
        await page.screenshot({ path: join(shots, `${name}.png`), fullPage: whole });
    }
}

async function look(browser, name, work, lines) {
    const check = checker(lines);
    const url = pathToFileURL(resolve(pages, `${name}.html`)).href;
    const expected = EXPECTED[name] ?? {};
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
    const page = await context.newPage();
    const said = [];
    const asked = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("dialog", (dialog) => {
        said.push(`dialog ${dialog.message()}`);
        void dialog.dismiss();
    });
    page.on("request", (request) => asked.push(request.url()));

    await page.goto(url);
    await check(`${name}: opens quietly, and loads nothing but itself`, async () => {
        must(said.length === 0, said.join("\n"));
        must(asked.length === 1 && asked[0] === url, asked.join("\n"));
        const active = await page.locator("script, iframe, object, embed, img, link, form, [src], [onerror], [onload]").count();
        must(active === 0, `${active} elements that load or run something`);
        const outside = await page.evaluate(() => [...document.links].map((link) => link.getAttribute("href")).filter((href) => !href.startsWith("#")));
        must(outside.length === 0, outside.join(", "));
    });
    await check(`${name}: its style is applied under its policy`, async () => {
        const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
        must(policy.startsWith("default-src 'none'; style-src 'sha256-"), policy);
        must((await page.evaluate(() => getComputedStyle(document.querySelector(".figures")).display)) === "grid", "no style");
        const ran = await page.evaluate(() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.head.append(script);
            script.remove();
            return window.ran === true;
        });
        must(!ran, "a script ran");
        said.length = 0;
    });
    await check(`${name}: title, headings, language, tables`, async () => {
        must(/^(Leave|Undo): .+, run report$/s.test(await page.title()), await page.title());
        must((await page.locator("h1").count()) === 1, "one h1");
        must((await page.locator("html").getAttribute("lang")) === "en", "language");
        const state = await page.locator(".state .badge").innerText();
        must(state.includes(expected.state ?? ""), `state ${state}`);
        const heading = await page.locator("h1").innerText();
        must(heading.includes(expected.heading ?? ""), `heading ${heading}`);
        const anchors = await page.evaluate(() => [...document.links].filter((link) => !document.querySelector(link.getAttribute("href"))).length);
        must(anchors === 0, `${anchors} links lead nowhere`);
        const bare = await page.evaluate(() => [...document.querySelectorAll("table")].filter((table) => !table.querySelector('thead th[scope="col"]') || !table.querySelector('th[scope="row"], td')).length);
        must(bare === 0, `${bare} tables without headers`);
        must((await page.locator("table").count()) > 0 || name === "empty", "tables");
        must((await page.locator("figure.lanes svg .mark").count()) > 0, "a picture over time");
    });
    await check(`${name}: bars add up to their rows`, async () => {
        const all = await page.evaluate(bars);
        must(all.length >= (expected.bars ?? 0), `${all.length} bars`);
        all.filter((bar) => bar.parts.some((part) => part.share > 0)).forEach(adds);
    });
    await check(`${name}: no violation by axe, document`, async () => {
        await page.evaluate(axe);
        const rules = Object.fromEntries(DRAWN.map((rule) => [rule, { enabled: false }]));
        await accessible(page, { runOnly: TAGS, rules }, "document-title");
    });
    await picture(page, `${name}-light`, name !== "endless");
    const long = await page.evaluate((many) => document.querySelectorAll("body *").length > many, MANY_ELEMENTS);
    if (long) {
        lines.push(`        ${name}: ${await page.evaluate(thinOut)} rows look like others and are left out where colours are looked at`);
    }
    await check(`${name}: no violation by axe, light`, async () => {
        await accessible(page, { runOnly: DRAWN }, "color-contrast");
    });
    await check(`${name}: no violation by axe, dark`, async () => {
        await page.emulateMedia({ colorScheme: "dark" });
        const page_colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        must(page_colour !== "rgb(255, 255, 255)", `dark is ${page_colour}`);
        await accessible(page, { runOnly: DRAWN }, "color-contrast");
    });
    if (long) {
        await page.reload();
    }
    await picture(page, `${name}-dark`, name !== "endless");
    await page.emulateMedia({ colorScheme: "light" });
    await check(`${name}: nothing sticks out on a screen or a telephone`, async () => {
        for (const width of [1280, 800, 360]) {
            await page.setViewportSize({ width, height: 800 });
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
            const out = await page.evaluate(sticking);
            must(wide <= 0 && out.length === 0, `at ${width}: ${wide} too wide\n${out.join("\n")}`);
        }
        if (name !== "endless") {
            await picture(page, `${name}-360`, true);
        }
    });
    await check(`${name}: prints on A4 without loss`, async () => {
        await page.setViewportSize({ width: PAPER, height: 1000 });
        await page.emulateMedia({ media: "print" });
        const out = await page.evaluate(sticking);
        must(out.length === 0, out.join("\n"));
        const hidden = await page.evaluate(() => [...document.querySelectorAll("details:not([open]) tr, details:not([open]) li")].filter((row) => !row.checkVisibility({ contentVisibilityAuto: true })).length);
        must(hidden === 0, `${hidden} rows are folded away`);
        const rows = await page.evaluate(() => document.querySelectorAll("tbody tr").length);
        const file = join(shots ?? work, `${name}.pdf`);
        await page.pdf({ path: file, preferCSSPageSize: true, printBackground: true });
        const sheets = printed(file);
        must(sheets.length >= 1, "no page");
        for (const [place, sheet] of sheets.entries()) {
            must(Math.abs(sheet.width - 595) < 2 && Math.abs(sheet.height - 842) < 2, `page ${place + 1} is ${sheet.width} × ${sheet.height}`);
            // The margins are 12 mm (34 pt) at the sides.
            const cut = sheet.words.filter((word) => word.left < 33 || word.right > sheet.width - 33 || word.top < 0 || word.bottom > sheet.height);
            must(cut.length === 0, `page ${place + 1}: ${cut.slice(0, 3).map((word) => `${word.word} ends at ${word.right} of ${sheet.width}`)}`);
            must(sheet.words.length > 0, `page ${place + 1} is empty`);
        }
        const words = sheets.flatMap((sheet) => sheet.words.map((word) => word.word)).join(" ");
        must(/not signed itself; the receipt is\./.test(words), "the footer is on paper");
        const missing = await page.evaluate(() => [...document.querySelectorAll("h2")].map((heading) => heading.textContent)).then((all) => all.filter((heading) => !words.includes(heading)));
        must(missing.length === 0, `not on paper: ${missing}`);
        lines.push(`        ${name}: ${sheets.length} pages of A4, ${rows} rows`);
    });
    await context.close();

    await check(`${name}: reads the same without scripts`, async () => {
        const plain = await browser.newContext({ javaScriptEnabled: false });
        const silent = await plain.newPage();
        await silent.goto(url);
        must((await silent.locator("section h2").first().isVisible()) && (await silent.locator("#receipt").isVisible()), "sections");
        await plain.close();
    });
}

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path));
must(executablePath, "no Chromium: run tests/browser/install");
must(names.length > 0, `no page in ${pages}`);
if (shots) {
    mkdirSync(shots, { recursive: true });
}
const work = mkdtempSync(join(tmpdir(), "rollcall-browser-"));
const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    env: { ...process.env, HOME: work },
});
try {
    // The longest first, so that the others are done beside it.
    const size = (name) => statSync(join(pages, name)).size;
    const waiting = names.sort((a, b) => size(b) - size(a)).map((name) => name.replace(/\.html$/, ""));
    const tab = async () => {
        for (let name = waiting.shift(); name; name = waiting.shift()) {
            const began = Date.now();
            const lines = [];
            await look(browser, name, work, lines);
            console.log([...lines, `        ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`].join("\n"));
        }
    };
    await Promise.all(Array.from({ length: TABS }, tab));
} finally {
    await browser.close();
    rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
