// An extension of JupyterLab, written by hand so that nothing has to be built: JupyterLab loads this file, hands the
// packages that it shares to `init` and asks `get` for the plugins.
(() => {
  "use strict";

  const SHORTCUTS_OFF = "data-lm-suppress-shortcuts"; // Lumino looks for no shortcut in an element that has it
  const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"];
  let shared = {};

  /** What one of JupyterLab's packages exports. */
  async function exportsOf(name) {
    const [version] = Object.values(shared[name]);
    return (await version.get())();
  }

  /** Whether a key, pressed in a widget, is the widget's: a letter, an arrow; not Ctrl+S, and not Shift+Enter. */
  function belongsToWidget(event) {
    return !(event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter"));
  }

  // In command mode the notebook takes every key that is not typed into a text field: with a list focused, an arrow
  // leaves the cell, b makes a new one and x cuts it. At the window we are asked before JupyterLab, at the document.
  const keys = {
    id: "kgss-lab:keys-stay-in-widgets",
    autoStart: true,
    activate: () => {
      window.addEventListener("keydown", event => {
        const control = event.target instanceof Element && event.target.closest(".jupyter-widgets") && event.target;
        if (control) control.toggleAttribute(SHORTCUTS_OFF, belongsToWidget(event));
      }, true);
    },
  };

  /** The factory of a renderer that afterwards gives the picture the description in its metadata. */
  function describing(factory, mimeType) {
    return {
      ...factory,
      mimeTypes: [mimeType],
      createRenderer: options => {
        const renderer = factory.createRenderer(options);
        const render = renderer.renderModel.bind(renderer);
        renderer.renderModel = async model => {
          await render(model);
          const alt = model.metadata[mimeType]?.alt;
          if (typeof alt === "string") for (const image of renderer.node.querySelectorAll("img")) image.alt = alt;
        };
        return renderer;
      },
    };
  }

  /** The plugins; they name what they need by tokens that JupyterLab's packages export. */
  async function plugins() {
    const { IRenderMimeRegistry } = await exportsOf("@jupyterlab/rendermime");
    const descriptions = {
      id: "kgss-lab:pictures-are-described",
      autoStart: true,
      requires: [IRenderMimeRegistry],
      activate: (_, registry) => {
        for (const mimeType of PICTURES) {
          const factory = registry.getFactory(mimeType);
          if (factory) registry.addFactory(describing(factory, mimeType), factory.defaultRank);
        }
      },
    };
    return [keys, descriptions];
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["kgss-lab"] = {
    init: packages => { shared = packages; },
    get: async () => {
      const found = await plugins();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
