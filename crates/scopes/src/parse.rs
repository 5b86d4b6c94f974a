//! Reads Trino's SQL, and checks that nothing of it was lost.

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::reason::{Reason, Result, unsupported};

/// A longer query is not analysed: a chain of operators is as deep as it is long. Blanks count.
const MOST_TOKENS: usize = 20_000;

/// Parses one query, prints it, and compares the words of both texts. If a word differs, the parser lost or misread something.
pub(crate) fn parse(sql: &str) -> Result<Query> {
    if Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .is_ok_and(|tokens| tokens.len() > MOST_TOKENS)
    {
        return unsupported("a query of so many words");
    }
    if sql.contains("/*!") {
        return unsupported("a comment that begins with `/*!`");
    }
    let statements = Parser::parse_sql(&GenericDialect {}, sql)
        .map_err(|error| Reason::Unparsed(error.to_string()))?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return Err(Reason::Unsupported("what is not one `select`".into()));
    };
    let printed = query.to_string();
    if words(sql)? != words(&printed)? {
        return Err(Reason::Unfaithful(printed));
    }

    Ok((**query).clone())
}

/// The words and signs of a query, without blanks, comments, and the `as` that may be left out.
fn words(sql: &str) -> Result<Vec<String>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize()
        .map_err(|error| Reason::Unparsed(error.to_string()))?;
    for pair in tokens.windows(2) {
        if matches!(pair, [Token::Number(..), Token::Word(_)]) {
            return unsupported(format!("the number `{}{}`", pair[0], pair[1]));
        }
    }
    let mut words = Vec::new();
    for token in tokens {
        check(&token)?;
        match token {
            Token::Whitespace(_) | Token::SemiColon => {}
            Token::Word(word) if word.quote_style.is_none() => {
                let word = word.value.to_lowercase();
                if word != "as" {
                    words.push(word);
                }
            }
            token => words.push(token.to_string()),
        }
    }

    Ok(words)
}

/// Refuses what Trino reads in another way than the parser does.
fn check(token: &Token) -> Result<()> {
    match token {
        Token::HexStringLiteral(_) => unsupported(format!("`{token}`")),
        // In Trino comments do not nest.
        Token::Whitespace(Whitespace::MultiLineComment(text))
            if text.contains("/*") || text.starts_with('!') =>
        {
            unsupported("a comment in a comment")
        }
        Token::Whitespace(Whitespace::SingleLineComment { comment, .. })
            if comment
                .trim_end_matches('\n')
                .trim_end_matches('\r')
                .contains('\r') =>
        {
            unsupported("a comment with a carriage return")
        }
        _ => Ok(()),
    }
}
