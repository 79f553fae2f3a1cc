// Fits what a notebook shows into slides of 1280 x 720. A slide of the notebook becomes as many as it needs: its parts
// (a paragraph, a list, code, an output) are measured as they really are and set one below the other; where the room
// ends, a new slide begins. A part that is larger than a slide is made smaller; a table, list or text that would become
// too small to read is divided.
(() => {
  "use strict";
  const WIDTH = 1200, HEIGHT = 650; // the room in a slide
  const SHRINK = 0.8; // a slide as a whole is made that much smaller rather than divided
  const SMALLEST = 0.55; // of a part: 22 pixels become 12
  const LONG_CODE = 10; // lines; what has more opens at a click
  const CLOSED_CODE = 44; // pixels, for the line that opens it
  const FIGURE = { width: WIDTH, height: 560 };

  const make = (tag, name, ...children) => {
    const element = Object.assign(document.createElement(tag), { className: name });
    element.append(...children);
    return element;
  };
  const stage = make("div", "all");
  const measured = make("section", "page", make("div", "room", stage));

  /** How many lines code has. */
  const linesOf = editor => editor.textContent.trim().split("\n").length;

  /** Close code: it opens at a click above the slide, where it can be scrolled. */
  function close(part) {
    const editor = part.querySelector(".jp-InputArea-editor");
    const lines = linesOf(editor);
    part.style.zoom = "";
    part.replaceChildren(make("details", "", make("summary", "", `Code: ${lines} line${lines > 1 ? "s" : ""}`), editor));
  }

  /** The parts of a cell, each in a box that keeps the styles of where it stood. */
  function partsOf(cell) {
    if (cell.matches(".kgss-solution")) return [make("div", "block", cell)];
    const markdown = cell.querySelector(":scope .jp-RenderedMarkdown.jp-MarkdownOutput");
    if (markdown) return [...markdown.children].map(part => make("div", "block jp-RenderedHTMLCommon", part));
    const editor = cell.querySelector(".jp-InputArea-editor");
    const outputs = [...cell.querySelectorAll(".jp-OutputArea-output")].flatMap(
      output => output.matches(".jp-RenderedMarkdown")
        ? [...output.children].map(part => make("div", "block jp-RenderedHTMLCommon", part))
        : [make("div", "block output", output)]);
    return [...(editor && editor.textContent.trim() ? [make("div", "block code", editor)] : []), ...outputs];
  }

  /** How large parts are when they stand one below the other. */
  function sizeOf(parts) {
    stage.replaceChildren(...parts);
    const wide = Math.max(0, ...parts.map(part => Math.max(part.scrollWidth, ...[...part.children].map(child => child.scrollWidth))));
    return { wide, high: stage.offsetHeight };
  }

  /** By how much a part must be smaller to fit. */
  function zoomOf(part, room) {
    part.style.zoom = "";
    const { wide, high } = sizeOf([part]);
    let zoom = Math.min(1, WIDTH / wide, room / high);
    // In a smaller part lines hold more words, so that it may be lower than expected; in a table they may not.
    part.style.zoom = zoom;
    for (let turn = 0; turn < 6 && stage.offsetHeight > room; turn += 1) part.style.zoom = zoom *= 0.96;
    return zoom;
  }

  /** A part in two, by its rows, items or lines; nothing if it cannot be divided. */
  function halves(part) {
    const rows = part.querySelector("table > tbody")?.rows;
    const list = part.querySelector(":scope > ul, :scope > ol");
    const pre = part.querySelector("pre");
    const copy = part.cloneNode(true);
    copy.style.zoom = part.style.zoom = "";
    if (rows?.length > 3) {
      const half = Math.ceil(rows.length / 2);
      [...rows].slice(half).forEach(row => row.remove());
      [...copy.querySelector("table > tbody").rows].slice(0, half).forEach(row => row.remove());
      return [part, copy];
    }
    if (list?.children.length > 1) {
      const half = Math.ceil(list.children.length / 2);
      const rest = copy.querySelector(":scope > ul, :scope > ol");
      [...list.children].slice(half).forEach(item => item.remove());
      [...rest.children].slice(0, half).forEach(item => item.remove());
      if (list.tagName === "OL") rest.start = (list.start || 1) + half;
      return [part, copy];
    }
    const lines = pre?.textContent.split("\n") ?? [];
    if (lines.length > 3 && !part.querySelector(".highlight")) {
      const half = Math.ceil(lines.length / 2);
      pre.textContent = lines.slice(0, half).join("\n");
      copy.querySelector("pre").textContent = lines.slice(half).join("\n");
      return [part, copy];
    }
    return null;
  }

  /** Parts none of which is higher than some room. */
  function fitted(part, room) {
    if (zoomOf(part, room) >= SMALLEST) return [part];
    const two = halves(part);
    return two ? two.flatMap(half => fitted(half, room)) : [part];
  }

  /** The parts of a cell, none larger than a slide; its code is closed where it is long or would stand alone. */
  function fittedCell(cell) {
    const [first, ...rest] = partsOf(cell);
    if (!first?.matches(".code")) return [first, ...rest].filter(Boolean).flatMap(part => fitted(part, HEIGHT));
    const outputs = rest.flatMap(part => fitted(part, HEIGHT - CLOSED_CODE));
    const [code] = fitted(first, HEIGHT);
    if (linesOf(code) > LONG_CODE || sizeOf([code, ...outputs.slice(0, 1)]).high > HEIGHT) close(code);
    return [code, ...outputs];
  }

  /** Whether a part belongs to what follows it: a heading, code and its output, a sentence and the code after it. */
  const leadsOn = (part, next) => part.matches(".code") || next.matches(".code") && !part.matches(".output")
    || Boolean(part.querySelector(":scope > h1, :scope > h2, :scope > h3, :scope > h4"));

  /** Parts shared out among slides: `[{parts, zoom}]`. */
  function shared(parts) {
    const { high } = sizeOf(parts);
    if (high <= HEIGHT) return [{ parts, zoom: 1 }];
    const smallest = Math.min(...parts.map(part => Number(part.style.zoom) || 1));
    if (high <= HEIGHT / SHRINK) {
      for (const zoom of [0.95, 0.9, 0.85, SHRINK].filter(zoom => zoom * smallest >= SMALLEST)) {
        stage.style.zoom = zoom;
        const fits = stage.getBoundingClientRect().height <= HEIGHT;
        stage.style.zoom = "";
        if (fits) return [{ parts, zoom }];
      }
    }
    const slides = [];
    let now = [];
    for (const part of parts) {
      if (now.length && sizeOf([...now, part]).high > HEIGHT) {
        const kept = [];
        while (now.length > 1 && leadsOn(now.at(-1), kept[0] ?? part) && sizeOf([now.at(-1), ...kept, part]).high <= HEIGHT) kept.unshift(now.pop());
        slides.push({ parts: now, zoom: 1 });
        now = kept;
      }
      now.push(part);
    }
    return [...slides, { parts: now, zoom: 1 }];
  }

  /** A slide; what is to appear when asked for is a fragment, except at the top. */
  function slide({ parts, zoom }, stepOf, notebook) {
    const all = make("div", "all");
    if (zoom !== 1) all.style.zoom = zoom;
    let step, box;
    parts.forEach((part, index) => {
      if (index === 0 || stepOf.get(part) !== step) {
        step = stepOf.get(part);
        box = make("div", index && step ? "fragment" : "");
        all.append(box);
      }
      box.append(part);
    });
    const page = make("section", "page", make("div", "room", all));
    page.dataset.notebook = notebook;
    return page;
  }

  /** What a slide of the notebook holds: its parts, in which step each of them appears, its notes. */
  function contentOf(section) {
    const stepOf = new Map(), parts = [];
    const notes = [...section.querySelectorAll("aside.notes")];
    let steps = 0;
    for (const child of [...section.children]) {
      if (child.matches("aside")) continue;
      const step = child.matches(".fragment") ? (steps += 1) : 0;
      for (const cell of child.matches(".fragment") ? [...child.children] : [child]) {
        for (const part of fittedCell(cell)) {
          stepOf.set(part, step);
          parts.push(part);
        }
      }
    }
    return { parts, stepOf, steps, notes, notebook: section.dataset.notebook ?? "" };
  }

  /** Contents, of which one that is words alone takes in the next one where both fit; it appears when asked for. */
  function merged(contents) {
    const kept = [];
    for (const content of contents) {
      const last = kept.at(-1);
      const words = last && !last.parts.some(part => part.matches(".code, .output"));
      if (words && sizeOf([...last.parts, ...content.parts]).high <= HEIGHT) {
        for (const part of content.parts) last.stepOf.set(part, last.steps + 1 + content.stepOf.get(part));
        last.steps += 1 + content.steps;
        last.parts.push(...content.parts);
        last.notes.push(...content.notes);
      } else {
        kept.push(content);
      }
    }
    return kept;
  }

  /** The slides that a content becomes. */
  function divided({ parts, stepOf, notes, notebook }) {
    const pages = parts.length ? shared(parts).map(page => slide(page, stepOf, notebook)) : [];
    if (pages.length) pages[0].append(...notes);
    return pages;
  }

  async function start() {
    const slides = document.querySelector(".slides");
    await Promise.allSettled([...document.images].map(image => image.decode()));
    measured.style.display = "block"; // reveal.js shows only the slide that is present
    slides.append(measured);
    for (const topic of [...slides.children]) {
      if (topic === measured) continue;
      const pages = merged([...topic.children].map(contentOf)).flatMap(divided);
      if (pages.length) topic.replaceChildren(...pages);
      else topic.remove();
    }
    measured.remove();
    const printing = /print-pdf/.test(window.location.search);
    const draw = () => window.kgssFigures.draw(printing ? document : window.Reveal.getCurrentSlide(), FIGURE);
    await window.Reveal.initialize({
      width: 1280, height: 720, margin: 0, center: false, hash: true, transition: "none", slideNumber: "c/t",
      plugins: [window.RevealNotes],
    });
    window.Reveal.on("slidechanged", draw);
    draw();
    document.documentElement.dataset.fitted = "yes";
  }

  start();
})();
