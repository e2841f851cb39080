// The code editor: CodeMirror, loaded only when somebody writes code. It lives in a shadow root, because there its
// styles need no inline style element, which the page's policy forbids.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completeAnyWord,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  placeholder,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

// Properties of the page reach into a shadow root, so that light and dark need nothing here.
const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--field)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--brass)' },
  '.cm-cursor': { borderLeftColor: 'var(--brass)', borderLeftWidth: '2px' },
  '.cm-gutters': { backgroundColor: 'var(--field)', color: 'var(--ink-3)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--brass-soft)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--brass) 30%, transparent)',
  },
  '.cm-placeholder': { color: 'var(--ink-3)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--brass)',
    color: 'var(--brass-ink)',
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--wait)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--brass)' },
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: 'var(--ink)' },
  { tag: [tags.definition(tags.variableName), tags.className], color: 'var(--ink)', fontWeight: '600' },
]);

export interface Editor {
  text: string;
  focus: () => void;
  end: () => void;
}

export function open(
  host: HTMLElement,
  doc: string,
  heard: { change: (text: string) => void; run: () => void; leave: () => void },
): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const box = document.createElement('div');
  root.replaceChildren(box);
  const view = new EditorView({
    root,
    parent: box,
    state: EditorState.create({
      doc,
      extensions: [
        keymap.of([
          { key: 'Mod-Enter', run: () => (heard.run(), true) },
          { key: 'Escape', run: () => (heard.leave(), true) },
        ]),
        lineNumbers(),
        history(),
        drawSelection(),
        indentUnit.of('    '),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ override: [completeAnyWord] }),
        highlightActiveLine(),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        python(),
        syntaxHighlighting(colours),
        theme,
        placeholder('Python, inside the program. The value of the last expression comes back.'),
        EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': 'Code. Escape leaves the editor' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) heard.change(update.state.doc.toString());
        }),
      ],
    }),
  });
  // The shadow root's only box of its own; a rule of the page does not reach it.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('div:first-child { height: 100%; } :host { display: block; }');
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(text: string) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    focus: () => view.focus(),
    end: () => view.destroy(),
  };
}
